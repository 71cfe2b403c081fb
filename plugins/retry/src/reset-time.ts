// When the endpoint itself says it may be asked again: Retry-After, and the fields of rate limiters.
import type { Headers } from '@meshwright/core'

/** A response field that says when. */
export interface ResetHeader {
  readonly name: string
  /** `seconds`: from now, or an HTTP date, as in Retry-After. `unix-timestamp`: seconds since 1970. */
  readonly format: 'seconds' | 'unix-timestamp'
}

export interface ResetOptions {
  /** Looked at in this order, 1 to 16; the first with a time that counts is obeyed. Default: Retry-After. */
  readonly headers?: readonly ResetHeader[]
  /** A longer time does not count. Milliseconds, 1..3600000; default 300000. */
  readonly maxMs?: number
}

/** Milliseconds from now on, or undefined if no field says a time that counts. */
export type ResetTime = (headers: Headers) => number | undefined

const retryAfter: readonly ResetHeader[] = [{ name: 'retry-after', format: 'seconds' }]

// RFC 9110 §5.6.7: the one form that is still sent.
const httpDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/**
 * The wait is at random from the time said to one and a half of it, so that those who were told the same do not come back together.
 * @param now milliseconds since 1970
 * @source Envoy's `rate_limited_retry_back_off`
 * @throws RangeError, TypeError when an option is out of range
 */
export function toResetTime(options: ResetOptions, random: () => number, now: () => number): ResetTime {
  const { headers = retryAfter, maxMs = 300_000 } = options
  if (headers.length < 1 || headers.length > 16) throw new RangeError(`rateLimited.headers has 1 to 16 fields, not ${headers.length}`)
  for (const { format } of headers) if (format !== 'seconds' && format !== 'unix-timestamp') throw new TypeError(`rateLimited.headers has a format that is neither seconds nor unix-timestamp: ${String(format)}`)
  if (!(maxMs >= 1 && maxMs <= 3_600_000)) throw new RangeError(`rateLimited.maxMs is from 1 to 3600000, not ${maxMs}`)
  return (fields) => {
    for (const { name, format } of headers) {
      const ms = toMs(fields.get(name), format, now)
      if (ms !== undefined && ms <= maxMs) return Math.floor(ms * (1 + random() / 2))
    }
    return undefined
  }
}

/** A time that is over says nothing. */
function toMs(text: string | undefined, format: ResetHeader['format'], now: () => number): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return format === 'seconds' ? Number(text) * 1000 : ahead(Number(text) * 1000, now)
  return format === 'seconds' && httpDate.test(text) ? ahead(Date.parse(text), now) : undefined
}

function ahead(atMs: number, now: () => number): number | undefined {
  const ms = Math.ceil(atMs - now())
  return ms > 0 ? ms : undefined
}
