// Leases: requests that this thread has taken out of the fleet's budgets ahead of time, so that most requests ask nobody.
import { Entries } from './entries.ts'

/** What was taken out of a budget. */
export interface Lease {
  readonly taken: number
  /** If nothing was: how long until there is something. Milliseconds. */
  readonly waitMs: number
}

/** How much a key may do, in the whole fleet. */
export interface Rate {
  readonly requests: number
  readonly windowMs: number
  readonly burst: number
}

/** Where the budgets of the fleet are. */
export interface Store {
  /** It does not answer, and asking it would only take time. */
  readonly isAway: boolean
  /** How many threads share the budgets, 1.. */
  readonly holders: number
  /** Takes up to `wanted` requests out of a key's budget. Rejects if that cannot be known. */
  lease(key: string, wanted: number): Promise<Lease>
  /** It has not answered in time: find out whether it is away. */
  doubt(): void
}

export interface LeaseOptions extends Rate {
  /** The most that one lease holds. */
  readonly lease: number
  readonly leaseMs: number
  /** How long a request waits for the store. */
  readonly timeoutMs: number
  /** Keys that are remembered here. */
  readonly keys: number
  /** This thread's part of each budget while the store is away, 0..1; undefined: one of as many as there are holders. */
  readonly share: number | undefined
  /** What happens while the store is away. */
  readonly onFailure: 'local' | 'open' | 'closed'
}

/** The time of now in milliseconds; never goes back. */
export type Now = () => number

/** A request passes. */
export const pass = 0
/** A request must not pass, as the store is away. */
export const unknown = -1

/** What becomes of a request: {@link pass}, {@link unknown}, or milliseconds to wait: it is one of too many. */
export type Verdict = number

class Entry {
  /** Of the lease, until it ends. */
  left = 0
  leaseEndMs = 0
  /** How many the next lease asks for. */
  batch = 1
  /** Nobody has anything left until then. */
  emptyUntilMs = 0
  /** Requests that wait for the store. */
  waiting = 0
  pending: Promise<void> | undefined = undefined
  /** When the local bucket is full again. */
  localMs = 0
}

/** However often the store says neither yes nor no, a request asks it no more often than that. */
const maxRounds = 5

export class Leases {
  /** Requests that were decided without the store. */
  alone = 0
  readonly #store: Store
  readonly #options: LeaseOptions
  readonly #now: Now
  readonly #entries: Entries<Entry>

  constructor(store: Store, options: LeaseOptions, now: Now = () => performance.now()) {
    this.#store = store
    this.#options = options
    this.#now = now
    this.#entries = new Entries(options.keys, () => new Entry())
  }

  /** Takes one request of a key: out of its lease at once, or after a round trip that all requests of the key share. */
  take(key: string): Verdict | Promise<Verdict> {
    const entry = this.#entries.of(key)
    const nowMs = this.#now()
    return this.#known(entry, nowMs) ?? (this.#store.isAway ? this.#withoutStore(entry, nowMs) : this.#ask(key, entry, nowMs + this.#options.timeoutMs))
  }

  /** What needs no question: there is something left, or there cannot be. */
  #known(entry: Entry, nowMs: number): Verdict | undefined {
    if (entry.left > 0 && nowMs < entry.leaseEndMs) {
      entry.left--
      return pass
    }
    return nowMs < entry.emptyUntilMs ? entry.emptyUntilMs - nowMs : undefined
  }

  async #ask(key: string, entry: Entry, untilMs: number): Promise<Verdict> {
    entry.waiting++
    try {
      for (let round = 0; round < maxRounds; round++) {
        await (entry.pending ??= this.#lease(key, entry))
        const nowMs = this.#now()
        const verdict = this.#known(entry, nowMs)
        if (verdict !== undefined) return verdict
        if (this.#store.isAway || nowMs >= untilMs) break
      }
      return this.#withoutStore(entry, this.#now())
    } finally {
      entry.waiting--
    }
  }

  /** Settles when the store has answered, has failed, or has taken too long; what it says late counts all the same. */
  async #lease(key: string, entry: Entry): Promise<void> {
    const late = Promise.withResolvers<void>()
    // If it was this thread that was busy, the answer is there already and is read before the next immediate.
    const timer = setTimeout(() => void setImmediate(late.resolve), this.#options.timeoutMs)
    const wanted = Math.max(this.#batchOf(entry), entry.waiting)
    const answered = this.#store.lease(key, wanted).then(
      (lease) => this.#took(entry, lease),
      // The store knows that it has failed, says so where that is of use, and is away.
      () => this.#store.doubt(),
    )
    const isLate = await Promise.race([answered, late.promise.then(() => true)])
    clearTimeout(timer)
    if (isLate === true) this.#store.doubt()
    entry.pending = undefined
  }

  /** A lease that was used up before its end is followed by a larger one, one that was not by a smaller one. */
  #batchOf(entry: Entry): number {
    const usedUp = this.#now() < entry.leaseEndMs
    entry.batch = usedUp ? Math.min(this.#options.lease, entry.batch * 2) : Math.max(1, entry.batch >> 1)
    return entry.batch
  }

  #took(entry: Entry, { taken, waitMs }: Lease): void {
    const nowMs = this.#now()
    if (taken === 0) {
      entry.emptyUntilMs = nowMs + waitMs
      return
    }
    entry.left = taken + (nowMs < entry.leaseEndMs ? entry.left : 0)
    entry.leaseEndMs = nowMs + this.#options.leaseMs
  }

  /** A token bucket with this thread's part of the budget. */
  #withoutStore(entry: Entry, nowMs: number): Verdict {
    this.alone++
    const { onFailure, share = 1 / this.#store.holders, requests, windowMs, burst } = this.#options
    if (onFailure !== 'local') return onFailure === 'open' ? pass : unknown
    const intervalMs = windowMs / (requests * share)
    const mayOweMs = (Math.max(1, burst * share) - 1) * intervalMs
    const fullMs = Math.max(entry.localMs, nowMs)
    if (fullMs - nowMs > mayOweMs) return fullMs - nowMs - mayOweMs
    entry.localMs = fullMs + intervalMs
    return pass
  }
}
