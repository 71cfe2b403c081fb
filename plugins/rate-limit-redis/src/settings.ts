// The options of a limiter, checked and complete.
import { hash } from 'node:crypto'
import type { RateLimitRedisOptions } from './rate-limit-redis.ts'

export const defaultPrefix = 'meshwright:'

export type Settled = Required<Omit<RateLimitRedisOptions, 'share' | 'ca' | 'serverName'>> & { readonly share: number | undefined }

const maxRequests = 100_000_000
const maxPerMs = 1000
const yearMs = 31_536_000_000

/** Fills in the defaults. @throws RangeError that names the option and its range */
export function settle(options: RateLimitRedisOptions): Settled {
  const { requests, windowMs = 1000, key = ['route', 'address'], name = 'default', share } = options
  const burst = options.burst ?? requests
  const settled: Settled = {
    prefix: defaultPrefix, missing: 'address', ipv6Prefix: 64, shadow: false, headers: 'refused', legacyHeaders: false, envoyHeader: false,
    leaseMs: 1000, timeoutMs: 20, keys: 10_000, onFailure: 'local',
    ...options, requests, windowMs, burst, key, name, share, lease: options.lease ?? Math.max(1, Math.min(100, Math.floor(burst / 50))),
  }
  check(settled)
  return settled
}

function check({ url, requests, windowMs, burst, lease, leaseMs, timeoutMs, keys, key, name, prefix, share }: Settled): void {
  // Node's own error of a URL that is none has all of it, and so the password.
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) throw new RangeError('url is redis://host:port or rediss://host:port, with user:password@ in front of the host if need be')
  checkWhole('requests', requests, maxRequests)
  checkWhole('windowMs', windowMs, yearMs)
  if (requests / windowMs > maxPerMs) throw new RangeError(`requests are at most ${maxPerMs} per millisecond, not ${requests / windowMs}`)
  checkWhole('burst', burst, maxRequests)
  checkWhole('lease', lease, 10_000)
  checkWhole('leaseMs', leaseMs, 60_000)
  checkWhole('timeoutMs', timeoutMs, 10_000)
  checkWhole('keys', keys, 1_000_000)
  if (key.length < 1 || key.length > 8) throw new RangeError(`a key has 1 to 8 parts, not ${key.length}`)
  if (!/^[\w.-]{1,64}$/.test(name)) throw new RangeError(`name is 1 to 64 letters, digits, ".", "_" and "-", not ${JSON.stringify(name)}`)
  if (!/^[\x21-\x7e]{0,100}$/.test(prefix)) throw new RangeError('prefix is up to 100 visible characters of ASCII')
  if (share !== undefined && !(share > 0 && share <= 1)) throw new RangeError(`share is more than 0 and at most 1, not ${share}`)
}

function checkWhole(name: string, value: unknown, most: number): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most) return
  throw new RangeError(`${name} is a whole number from 1 to ${most}, not ${String(value)}`)
}

/** The same for limiters that count the same: by the same name, at the same rate, by the same keys. */
export function limiterOf({ name, requests, windowMs, burst, key, missing, ipv6Prefix }: Settled): string {
  return `${name}:${hash('sha256', JSON.stringify([requests, windowMs, burst, key, missing, ipv6Prefix])).slice(0, 12)}`
}
