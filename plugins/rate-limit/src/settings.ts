// The options of a limiter, checked and complete.
import { hash } from 'node:crypto'
import type { RateLimitOptions } from './rate-limit.ts'

export type Settled = Required<RateLimitOptions>

const maxRequests = 100_000_000
const maxPerMs = 1000
const yearMs = 31_536_000_000

/** Fills in the defaults. @throws RangeError that names the option and its range */
export function settle(options: RateLimitOptions): Settled {
  const { requests, windowMs = 1000, key = ['route', 'address'], keys = 10_000, name = 'default' } = options
  checkWhole('requests', requests, maxRequests)
  checkWhole('windowMs', windowMs, yearMs)
  if (requests / windowMs > maxPerMs) throw new RangeError(`requests are at most ${maxPerMs} per millisecond, not ${requests / windowMs}`)
  checkWhole('burst', options.burst ?? requests, maxRequests)
  checkWhole('keys', keys, 1_000_000)
  if (key.length < 1 || key.length > 8) throw new RangeError(`a key has 1 to 8 parts, not ${key.length}`)
  if (!/^[\w.-]{1,64}$/.test(name)) throw new RangeError(`name is 1 to 64 letters, digits, ".", "_" and "-", not ${JSON.stringify(name)}`)
  return {
    missing: 'address', ipv6Prefix: 64, shadow: false, headers: 'refused', legacyHeaders: false, envoyHeader: false,
    ...options, requests, windowMs, key, keys, name, burst: options.burst ?? requests,
  }
}

function checkWhole(name: string, value: unknown, most: number): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return
  throw new RangeError(`${name} is a whole number from 1 to ${most}, not ${String(value)}`)
}

/** The same for limiters that count the same: by the same name, at the same rate, by the same keys. */
export function digestOf({ name, requests, windowMs, burst, key, missing, ipv6Prefix }: Settled): string {
  return `${name} ${hash('sha256', JSON.stringify([requests, windowMs, burst, key, missing, ipv6Prefix])).slice(0, 16)}`
}
