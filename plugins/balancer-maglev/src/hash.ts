// A hash of texts: FNV-1a, and a finaliser so that every bit of the result depends on every bit of the text.

const offsetBasis = 0x811c9dc5
const prime = 0x01000193

/**
 * Goes on with a hash; begin with none. 32 bits, signed: numbers of that size are kept without an allocation.
 * @source Fowler, Noll, Vo: FNV-1a, 32 bits; a character takes one step, so that Latin-1 is hashed as its bytes
 */
export function fnv1a(text: string, from: number = offsetBasis): number {
  let hash = from
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), prime)
  return hash | 0
}

/**
 * FNV alone changes the upper bits too little for the last characters.
 * @source Appleby, MurmurHash3, fmix32
 */
export function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** A place among `count` of them. */
export function placeOf(hash: number, count: number): number {
  return (finish(hash) >>> 0) % count
}
