// How bytes and texts cross between guest and host: out through one arena, in through one scratch buffer, no allocation for what is small.

/** Two words that the host fills: address and length, or a number of 32 or 64 bits. */
export const slot: usize = memory.data(16)

const arenaBytes: usize = 8192
const arena: usize = memory.data(8192)
const scratchBytes: usize = 4096
const scratch: usize = memory.data(4096)

/** Texts of the source by their address, which are so close to each other that few fall into one place: where the text is, its bytes, its UTF-8. */
const literals: usize = memory.data(256 * 4)
const longestLiteral: usize = 256

let arenaUsed: usize = 0
/** Where the text that was put last begins. */
export let putAt: usize = 0
let scratchTaken: bool = false

// Nothing here may be made with `new`: what that compiles can abort, and aborting needs all of this.
/** Addresses of texts that do not fit into the arena; each lives until its place is needed. */
const large: usize = memory.data(16)
let largeNext: usize = 0
let reservedLarge: bool = false

/** Room for what the host hands over. The scratch buffer is read before the next host call; what is larger is freed then. */
export function proxy_on_memory_allocate(bytes: usize): usize {
  if (bytes <= scratchBytes && !scratchTaken) {
    scratchTaken = true
    return scratch
  }
  return heap.alloc(bytes)
}

/** Begins a host call: what the last one has brought or taken is over. */
// @ts-ignore: decorator
@inline
export function begin(): void {
  arenaUsed = 0
  scratchTaken = false
  store<u64>(slot, 0)
}

/** What the host has written, as an address. */
// @ts-ignore: decorator
@inline
export function givenAt(): usize {
  return load<u32>(slot)
}

// @ts-ignore: decorator
@inline
export function givenLength(): usize {
  return load<u32>(slot, 4)
}

function release(at: usize): void {
  if (at != scratch && at != 0) heap.free(at)
}

/** The bytes that the host has given, as a text. Invalid UTF-8 becomes something else: where it matters, take bytes. */
export function takeText(): string {
  const at = givenAt()
  const text = decode(at, givenLength())
  release(at)
  return text
}

/** The bytes that the host has given. */
export function takeBytes(): Uint8Array {
  const at = givenAt()
  const bytes = copy(at, givenLength())
  release(at)
  return bytes
}

/** Lets what the host has given be. */
export function drop(): void {
  release(givenAt())
}

export function copy(at: usize, length: usize): Uint8Array {
  const bytes = new Uint8Array(<i32>length)
  memory.copy(bytes.dataStart, at, length)
  return bytes
}

/** UTF-8 to text. Most of what HTTP carries is ASCII, which needs no decoder. */
export function decode(at: usize, length: usize): string {
  if (length == 0) return ''
  const text = changetype<string>(__new(length << 1, idof<string>()))
  return widen(at, length, changetype<usize>(text)) ? text : String.UTF8.decodeUnsafe(at, length)
}

/** Bytes to units. Answers whether all of them are ASCII; otherwise what it has written is nothing. */
function widen(from: usize, length: usize, to: usize): bool {
  let seen: u32 = 0
  if (length < 4) {
    for (let i: usize = 0; i < length; i++) {
      const byte = load<u8>(from + i)
      seen |= byte
      store<u16>(to + (i << 1), byte)
    }
    return seen < 0x80
  }
  // hot: four bytes become four units at once, twice, as each turn of a loop is metered; the last four may overlap those before.
  let i: usize = 0
  for (; i + 8 <= length; i += 8) seen |= widenFour(from + i, to + (i << 1)) | widenFour(from + i + 4, to + (i << 1) + 8)
  if (i + 4 < length) seen |= widenFour(from + i, to + (i << 1))
  const last = length - 4
  seen |= widenFour(from + last, to + (last << 1))
  return (seen & 0x80808080) == 0
}

// @ts-ignore: decorator
@inline
function widenFour(from: usize, to: usize): u32 {
  const four = load<u32>(from)
  const spread = (<u64>four | (<u64>four << 16)) & 0x0000ffff0000ffff
  store<u64>(to, (spread | (spread << 8)) & 0x00ff00ff00ff00ff)
  return four
}

/** Units to bytes: the same the other way. */
function narrow(from: usize, length: usize, to: usize): bool {
  let seen: u64 = 0
  if (length < 4) {
    for (let i: usize = 0; i < length; i++) {
      const unit = load<u16>(from + (i << 1))
      seen |= unit
      store<u8>(to + i, <u8>unit)
    }
    return seen < 0x80
  }
  let i: usize = 0
  for (; i + 8 <= length; i += 8) seen |= narrowFour(from + (i << 1), to + i) | narrowFour(from + (i << 1) + 8, to + i + 4)
  if (i + 4 < length) seen |= narrowFour(from + (i << 1), to + i)
  const last = length - 4
  seen |= narrowFour(from + (last << 1), to + last)
  return (seen & 0xff80ff80ff80ff80) == 0
}

// @ts-ignore: decorator
@inline
function narrowFour(from: usize, to: usize): u64 {
  const four = load<u64>(from)
  const packed = (four | (four >> 8)) & 0x0000ffff0000ffff
  store<u32>(to, <u32>(packed | (packed >> 16)))
  return four
}

/** Puts a text as UTF-8 where the host can read it; {@link putAt} is its address until the next `begin`. @returns its bytes */
export function put(text: string): usize {
  const at = changetype<usize>(text)
  return at < __heap_base ? putLiteral(text, literals + ((at >> 4) & 255) * 4) : encode(text)
}

/** hot: a text of the source never changes, so it is encoded once. What comes to a place that is taken is encoded each time. */
function putLiteral(text: string, place: usize): usize {
  const known = <usize>load<u32>(place)
  if (known != 0 && load<u32>(known) == changetype<usize>(text)) {
    putAt = known + 8
    return load<u32>(known, 4)
  }
  const bytes = encode(text)
  if (known != 0 || bytes > longestLiteral) return bytes
  const kept = heap.alloc(8 + bytes)
  store<u32>(kept, <u32>changetype<usize>(text))
  store<u32>(kept, <u32>bytes, 4)
  memory.copy(kept + 8, putAt, bytes)
  store<u32>(place, <u32>kept)
  return bytes
}

function encode(text: string): usize {
  const length = <usize>text.length
  putAt = reserve(length * 3)
  return keep(narrow(changetype<usize>(text), length, putAt) ? length : String.UTF8.encodeUnsafe(changetype<usize>(text), <i32>length, putAt))
}

function reserve(bytes: usize): usize {
  reservedLarge = bytes > arenaBytes - arenaUsed
  if (!reservedLarge) return arena + arenaUsed
  const old = load<u32>(large + largeNext)
  if (old != 0) heap.free(old)
  const room = heap.alloc(bytes)
  store<u32>(large + largeNext, <u32>room)
  // No host function takes more than four texts.
  largeNext = (largeNext + 4) & 12
  return room
}

function keep(bytes: usize): usize {
  if (!reservedLarge) arenaUsed += bytes
  return bytes
}
