// Which variant a text falls to: the same text always to the same, texts together as the weights say.
import { Variant } from './index'

/** @param total of the weights, 1.. @returns the index of a variant */
export function choose(variants: Variant[], total: u64, text: string): i32 {
  let point = hashOf(text) % total
  for (let i = 0; i < variants.length; i++) {
    if (point < variants[i].weight) return i
    point -= variants[i].weight
  }
  return 0
}

/** FNV-1a, mixed at the end, as its low bits alone are poor. */
function hashOf(text: string): u64 {
  let hash: u64 = 0xcbf29ce484222325
  for (let i = 0; i < text.length; i++) hash = (hash ^ text.charCodeAt(i)) * 0x100000001b3
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53
  return hash ^ (hash >> 33)
}
