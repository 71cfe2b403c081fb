// Did-you-mean: the known word that a mistyped one was probably meant to be.
import { distance } from 'fastest-levenshtein'

/** More letters than this cannot be a slip, and comparing them would cost without limit. */
const longestWord = 100

/** Fewer letters than this say too little about what was meant. */
const shortestWord = 3

/** The nearest of `known` if it is near enough to be a slip of the finger: at most a third of the letters differ. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length < shortestWord || word.length > longestWord) return undefined
  let best: string | undefined
  let bestDistance = Math.floor(word.length / 3) + 1
  for (const candidate of known) {
    const found = slips(word.toLowerCase(), candidate.toLowerCase())
    if (found < bestDistance && candidate !== word) [best, bestDistance] = [candidate, found]
  }
  return best
}

/** Letters in another order are one slip, not two. */
function slips(a: string, b: string): number {
  return a.length === b.length && sorted(a) === sorted(b) ? 1 : distance(a, b)
}

function sorted(word: string): string {
  return word.split('').sort().join('')
}

/** ` (did you mean "x"?)`, or nothing. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const found = nearest(word, known)
  return found === undefined ? '' : ` (did you mean "${found}"?)`
}

/** `a, b and c`, at most `most` of them. */
export function listed(words: readonly string[], most = 12): string {
  if (words.length > most) return `${words.slice(0, most).join(', ')} and ${words.length - most} more`
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
