// What somebody may have meant: the nearest of some names.

/** The name that takes the fewest changes; undefined if all are far off. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const found = known.map((one) => ({ one, changes: distance(name.toLowerCase(), one.toLowerCase()) })).sort((a, b) => a.changes - b.changes)[0]
  return found !== undefined && found.changes <= Math.max(2, name.length / 3) ? found.one : undefined
}

/** Characters to add, remove or replace. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) next.push(Math.min((row[j] ?? 0) + (letter === b[j] ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    row = next
  }
  return row[b.length] ?? 0
}
