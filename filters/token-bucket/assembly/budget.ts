// One budget: 16 bytes, the key's hash and when it will be full again (the generic cell rate algorithm).
// @source https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm

/** One request that wants to pass. All times in nanoseconds. */
export class Spending {
  /** How long to wait; 0: it may pass. */
  waitNs: u64 = 0

  constructor(public hash: u64, public now: u64, public interval: u64, public tolerance: u64) {}
}

/** The budget after the request; null: it stays as it is, as nothing is taken for what is refused. */
export function spend(old: Uint8Array | null, one: Spending): Uint8Array | null {
  // A place that another key has used begins anew: it is forgotten, and nobody is refused for it.
  const mine = old != null && old.length == 16 && load<u64>(old.dataStart) == one.hash
  let full = old != null && mine ? load<u64>(old.dataStart, 8) : 0
  if (full < one.now) full = one.now
  if (full - one.now > one.tolerance) {
    one.waitNs = full - one.now - one.tolerance
    return null
  }
  one.waitNs = 0
  const next = new Uint8Array(16)
  store<u64>(next.dataStart, one.hash)
  store<u64>(next.dataStart, full + one.interval, 8)
  return next
}

/** 64 bits of a text: FNV-1a, mixed at the end, as its low bits alone are poor. */
export function hashOf(text: string): u64 {
  let hash: u64 = 0xcbf29ce484222325
  for (let i = 0; i < text.length; i++) hash = (hash ^ text.charCodeAt(i)) * 0x100000001b3
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd
  return hash ^ (hash >> 33)
}
