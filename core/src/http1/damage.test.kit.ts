// For tests: a seeded way to damage messages.

/** What damages are made of. */
export interface Damages {
  /** Other messages, parts of which come into this one. */
  readonly others: readonly string[]
  /** Everything that means something to a parser. */
  readonly pieces: readonly string[]
}

/** One to three damages: a byte changed, bytes dropped, doubled, lowered, swapped in from elsewhere, a meaningful piece put in. */
export function damagedBy(damages: Damages, message: string, random: (limit: number) => number): string {
  let text = message
  // Mostly one: a second damage often only adds to what is refused already.
  for (let left = Math.max(1, random(6) - 2); left > 0; left--) text = damagedOnce(damages, text, random)
  return text
}

function damagedOnce({ others, pieces }: Damages, text: string, random: (limit: number) => number): string {
  const at = random(text.length + 1)
  const before = text.slice(0, at)
  const after = text.slice(at)
  const some = 1 + random(8)
  switch (random(7)) {
    case 0:
      return before + String.fromCharCode(random(256)) + after.slice(1)
    case 1:
      return before + after.slice(some)
    case 2:
      return before + after.slice(0, some) + after
    case 3:
      return random(4) === 0 ? before : before + after.toLowerCase()
    case 4: {
      const other = others[random(others.length)] as string
      return before + other.slice(random(other.length))
    }
    default:
      return before + (pieces[random(pieces.length)] as string) + after.slice(random(2) * some)
  }
}

/** Numbers in [0, limit), the same for the same seed (xorshift32). */
export function seeded(seed: number): (limit: number) => number {
  let state = seed | 0 || 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}
