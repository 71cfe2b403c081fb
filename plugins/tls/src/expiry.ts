// When certificates expire: told to the metrics, and to the log before it is too late.
import type { Gauge, Logger, Metrics } from '@meshwright/core'

/** A certificate with its dates. */
export interface Dated {
  readonly file: string
  readonly subject: string
  readonly validFrom: Date
  readonly validTo: Date
}

const dayMs = 86_400_000

export class Expiry {
  readonly #warnMs: number
  readonly #log: Pick<Logger, 'warn'> | undefined
  readonly #metrics: Metrics | undefined
  readonly #gauges = new Map<string, Gauge>()
  #dated: readonly Dated[] = []
  /** When each certificate was warned of last, by file. */
  #warnedMs = new Map<string, number>()

  /** @param warnDays how long before a certificate expires it is warned of */
  constructor(warnDays: number, { log, metrics }: { readonly log?: Pick<Logger, 'warn'>; readonly metrics?: Metrics }) {
    this.#warnMs = warnDays * dayMs
    this.#log = log
    this.#metrics = metrics
  }

  /** These are in use from now on. */
  follow(dated: readonly Dated[]): void {
    this.#dated = dated
    this.#warnedMs = new Map()
    for (const { file, validTo } of dated) this.#gauge(file)?.set(Math.floor(validTo.getTime() / 1000))
  }

  /** Warns of those that expire soon, have expired, or are not valid yet; of each no more than once a day. */
  look(nowMs: number): void {
    for (const one of this.#dated) {
      const text = this.#warningOf(one, nowMs)
      if (text === undefined || nowMs - (this.#warnedMs.get(one.file) ?? -Infinity) < dayMs) continue
      this.#warnedMs.set(one.file, nowMs)
      this.#log?.warn({ file: one.file, subject: one.subject, validFrom: one.validFrom.toISOString(), validTo: one.validTo.toISOString() }, text)
    }
  }

  #warningOf({ validFrom, validTo }: Dated, nowMs: number): string | undefined {
    const leftMs = validTo.getTime() - nowMs
    if (leftMs <= 0) return 'a certificate has expired'
    if (validFrom.getTime() > nowMs) return 'a certificate is not valid yet'
    if (leftMs <= this.#warnMs) return `a certificate expires in ${leftMs < dayMs ? 'less than a day' : `${Math.floor(leftMs / dayMs)} days`}`
    return undefined
  }

  #gauge(file: string): Gauge | undefined {
    const known = this.#gauges.get(file)
    if (known !== undefined) return known
    const made = this.#metrics?.gauge('mesh_certificate_expiry_timestamp_seconds', 'When a certificate of this mesh expires, in seconds since 1970', { file }, 'max')
    if (made !== undefined) this.#gauges.set(file, made)
    return made
  }
}
