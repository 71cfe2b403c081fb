// SHA-256 (FIPS 180-4) and HMAC (RFC 2104) with it: hosts of proxy-wasm offer neither.

// prettier-ignore
const k: StaticArray<u32> = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]
const initial: StaticArray<u32> = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]

const w: StaticArray<u32> = new StaticArray<u32>(64)
const state: StaticArray<u32> = new StaticArray<u32>(8)

/** The 32 bytes of the digest. */
export function sha256(message: Uint8Array): Uint8Array {
  for (let i = 0; i < 8; i++) state[i] = initial[i]
  const length = <usize>message.length
  const whole = length & ~63
  for (let i: usize = 0; i < whole; i += 64) block(message.dataStart + i)
  const rest = length - whole
  const tail = new Uint8Array(rest < 56 ? 64 : 128)
  memory.copy(tail.dataStart, message.dataStart + whole, rest)
  tail[<i32>rest] = 0x80
  store<u64>(tail.dataStart + tail.length - 8, bswap<u64>(<u64>length << 3))
  for (let i = 0; i < tail.length; i += 64) block(tail.dataStart + i)
  const digest = new Uint8Array(32)
  for (let i = 0; i < 8; i++) store<u32>(digest.dataStart + (<usize>i << 2), bswap<u32>(state[i]))
  return digest
}

function block(at: usize): void {
  for (let i = 0; i < 16; i++) w[i] = bswap<u32>(load<u32>(at + (<usize>i << 2)))
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]
    const y = w[i - 2]
    w[i] = w[i - 16] + (rotr<u32>(x, 7) ^ rotr<u32>(x, 18) ^ (x >> 3)) + w[i - 7] + (rotr<u32>(y, 17) ^ rotr<u32>(y, 19) ^ (y >> 10))
  }
  let a = state[0]
  let b = state[1]
  let c = state[2]
  let d = state[3]
  let e = state[4]
  let f = state[5]
  let g = state[6]
  let h = state[7]
  for (let i = 0; i < 64; i++) {
    const t1 = h + (rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)) + ((e & f) ^ (~e & g)) + k[i] + w[i]
    const t2 = (rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = d + t1
    d = c
    c = b
    b = a
    a = t1 + t2
  }
  state[0] += a
  state[1] += b
  state[2] += c
  state[3] += d
  state[4] += e
  state[5] += f
  state[6] += g
  state[7] += h
}

/** The 32 bytes of the code of a message under a key. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Uint8Array {
  const short = key.length > 64 ? sha256(key) : key
  const inner = new Uint8Array(64 + message.length)
  const outer = new Uint8Array(96)
  for (let i = 0; i < 64; i++) {
    const byte: u8 = i < short.length ? short[i] : 0
    inner[i] = byte ^ 0x36
    outer[i] = byte ^ 0x5c
  }
  inner.set(message, 64)
  outer.set(sha256(inner), 64)
  return sha256(outer)
}

/** Whether bytes are equal, in a time that says nothing of where they differ. It does say whether their lengths differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): bool {
  if (a.length != b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i]
  return difference == 0
}

/** Bytes of hexadecimal digits. Null: it is something else. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length & 1) return null
  const bytes = new Uint8Array(text.length >> 1)
  for (let i = 0; i < bytes.length; i++) {
    const high = digit(text.charCodeAt(2 * i))
    const low = digit(text.charCodeAt(2 * i + 1))
    if (high < 0 || low < 0) return null
    bytes[i] = <u8>((high << 4) | low)
  }
  return bytes
}

function digit(unit: i32): i32 {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30
  const letter = unit | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
