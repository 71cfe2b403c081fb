// How bytes and texts cross between guest and host: out through one arena, in through one scratch buffer, no allocation for what is small.

/** Two words that the host fills: address and length, or a number of 32 or 64 bits. */
export const slot: usize = memory.data(16)

const arenaBytes: usize = 8192
const arena: usize = memory.data(8192)
const scratchBytes: usize = 4096
const scratch: usize = memory.data(4096)

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
  if (!isAscii(at, length)) return String.UTF8.decodeUnsafe(at, length)
  const text = changetype<string>(__new(length << 1, idof<string>()))
  const to = changetype<usize>(text)
  let i: usize = 0
  // hot: four bytes become four units at once; each turn of a loop is metered.
  for (; i + 4 <= length; i += 4) {
    const four = <u64>load<u32>(at + i)
    const spread = (four | (four << 16)) & 0x0000ffff0000ffff
    store<u64>(to + (i << 1), (spread | (spread << 8)) & 0x00ff00ff00ff00ff)
  }
  for (; i < length; i++) store<u16>(to + (i << 1), load<u8>(at + i))
  return text
}

function isAscii(at: usize, length: usize): bool {
  let i: usize = 0
  for (; i + 8 <= length; i += 8) {
    if (load<u64>(at + i) & 0x8080808080808080) return false
  }
  for (; i < length; i++) {
    if (load<u8>(at + i) & 0x80) return false
  }
  return true
}

/** Puts a text into the arena as UTF-8; {@link putAt} is its address until the next `begin`. @returns its bytes */
export function put(text: string): usize {
  const length = <usize>text.length
  const room = reserve(length * 3)
  putAt = room
  const from = changetype<usize>(text)
  let i: usize = 0
  // hot: the same the other way.
  for (; i + 4 <= length; i += 4) {
    const four = load<u64>(from + (i << 1))
    if (four & 0xff80ff80ff80ff80) return putRest(text, i)
    const packed = (four | (four >> 8)) & 0x0000ffff0000ffff
    store<u32>(room + i, <u32>(packed | (packed >> 16)))
  }
  for (; i < length; i++) {
    const unit = load<u16>(from + (i << 1))
    if (unit >= 0x80) return putRest(text, i)
    store<u8>(room + i, <u8>unit)
  }
  return keep(length)
}

function putRest(text: string, done: usize): usize {
  const from = changetype<usize>(text) + (done << 1)
  return keep(done + String.UTF8.encodeUnsafe(from, text.length - <i32>done, putAt + done))
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
