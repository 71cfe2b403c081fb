// The alias method: a weighted draw that costs the same for any number of weights.

/** For each place, the chance to stay there, and the place to go to otherwise. */
export interface AliasTable {
  readonly stay: Float64Array
  readonly other: Uint32Array
}

/**
 * Cuts all weights to pieces of the mean weight: each place holds what it can of its own, and is filled up from one that
 * has more than its place holds.
 * @param weights more than 0
 * @source Vose, A linear algorithm for generating random numbers with a given distribution, 1991
 */
export function aliasTable(weights: readonly number[]): AliasTable {
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / weights.length
  const left = Float64Array.from(weights, (weight) => weight / mean)
  const stay = new Float64Array(weights.length).fill(1)
  const other = Uint32Array.from(weights, (_, i) => i)
  const [light, heavy] = [[] as number[], [] as number[]]
  left.forEach((part, i) => (part < 1 ? light : heavy).push(i))
  while (light.length > 0 && heavy.length > 0) {
    const poor = light.pop() as number
    const rich = heavy.at(-1) as number
    stay[poor] = left[poor] as number
    other[poor] = rich
    left[rich] = (left[rich] as number) - (1 - (left[poor] as number))
    if (left[rich] < 1) light.push(heavy.pop() as number)
  }
  // What remains is full but for an error of rounding, and stays at 1.
  return { stay, other }
}

/** @param drawn 0 to less than 1: its place in the table, and what is left of it, are two draws in one */
export function drawFrom({ stay, other }: AliasTable, drawn: number): number {
  const scaled = drawn * stay.length
  const place = Math.floor(scaled)
  return scaled - place < (stay[place] as number) ? place : (other[place] as number)
}
