// A breaker: gives a service that fails too much a rest, then lets a few requests try it before all may come back.
import { MeshError, type Admission, type Exchange } from '@meshwright/core'
import { hasAnswered, verdictOf, type Verdict } from './verdict.ts'
import { SlidingWindow } from './window.ts'

export interface BreakerOptions {
  /** How far back attempts are looked at. Milliseconds, 100..600000; default 10000. */
  readonly windowMs?: number
  /** With fewer attempts in the window it does not open. 1..1000000; default 20. */
  readonly minAttempts?: number
  /** It opens when this part of the attempts in the window has failed. Percent, more than 0, ..100; default 50. */
  readonly failurePercent?: number
  /** From which time to the response head on an attempt is slow. Milliseconds, 1..600000; default: none is. */
  readonly slowMs?: number
  /** It opens when this part of the attempts in the window was slow. Percent, more than 0, ..100; default 50. Only with `slowMs`. */
  readonly slowPercent?: number
  /** How long it stays open the first time. Milliseconds, 10..3600000; default 5000. */
  readonly openMs?: number
  /** Each time that it opens again without having been closed, it stays open twice as long, up to this. Milliseconds, `openMs`..3600000; default 60000, or `openMs` if that is longer. */
  readonly maxOpenMs?: number
  /** How many may try the service at a time while it is half open. 1..1000; default 1. */
  readonly probes?: number
  /** So many probes in a row have to go well to close it. 1..1000; default 3. */
  readonly closeAfter?: number
}

export type BreakerState = 'closed' | 'half-open' | 'open'

/** A change of state, or the state that it begins with. */
export interface BreakerChange {
  readonly state: BreakerState
  /** For people. */
  readonly why: string
}

/** What a breaker tells whoever runs it. */
export interface BreakerParts {
  /** Called before the first attempt, and at each change of state. */
  changed?(change: BreakerChange): void
  /** Called for each attempt that is refused. */
  refused?(): void
}

/**
 * Its life:
 * 1. closed: everybody passes. Too many of those that ended within the window failed, or were slow: it opens;
 * 2. open: nobody passes (MESH_BREAKER_OPEN, with the time that is left), until the time is over: then it is half open;
 * 3. half-open: a few at a time may pass, as probes. One that fails or is slow opens it again, for longer; enough of them
 *    in a row that go well close it. One that says nothing (its client went away) gives its place to another.
 *
 * What was admitted in an earlier state decides nothing in a later one. One instance serves one service in one thread.
 * @throws RangeError when an option is out of range
 */
export function breaker(options: BreakerOptions = {}, parts: BreakerParts = {}): Breaker {
  return new Breaker(options, parts)
}

export class Breaker implements Admission {
  readonly #options: Required<BreakerOptions>
  readonly #parts: BreakerParts
  readonly #window: SlidingWindow
  /** Those under way, each with the number of the half-open state that let it pass. Never more than `probes`. */
  readonly #probes = new Map<Exchange, number>()
  #state: BreakerState = 'closed'
  #begun = false
  /** When the state began, and until when it stays open: milliseconds of the monotonic clock. */
  #sinceMs = 0
  #untilMs = 0
  /** How many times it has opened since it was closed. */
  #openings = 0
  /** Number of the current half-open state, and the probes that went well in it. */
  #generation = 0
  #good = 0
  #refusal: MeshError | undefined = undefined

  constructor(options: BreakerOptions, parts: BreakerParts) {
    this.#options = checked(options)
    this.#parts = parts
    this.#window = new SlidingWindow(this.#options.windowMs)
  }

  get state(): BreakerState {
    return this.#state
  }

  admit(exchange: Exchange): MeshError | undefined {
    if (!this.#begun) this.#begin()
    if (this.#state === 'closed') return undefined
    const nowMs = performance.now()
    if (this.#state === 'open') {
      if (nowMs < this.#untilMs) return this.#refuse(this.#untilMs - nowMs)
      this.#halfOpen(nowMs)
    }
    return this.#admitProbe(exchange, nowMs)
  }

  ended(exchange: Exchange): void {
    const generation = this.#probes.size === 0 ? undefined : this.#probes.get(exchange)
    if (generation !== undefined) {
      this.#probes.delete(exchange)
      this.#probed(exchange, generation, performance.now())
    } else if (this.#state === 'closed') {
      const verdict = verdictOf(exchange, this.#options.slowMs)
      // What began before it was closed belongs to the time before.
      if (verdict !== undefined && exchange.attemptMs >= this.#sinceMs) this.#count(verdict)
    }
  }

  #begin(): void {
    this.#begun = true
    this.#parts.changed?.({ state: 'closed', why: 'nothing has happened yet' })
  }

  // -- closed

  #count(verdict: Verdict): void {
    const window = this.#window
    const nowMs = performance.now()
    window.add(nowMs, verdict.failed, verdict.slow)
    if ((!verdict.failed && !verdict.slow) || window.total < this.#options.minAttempts) return
    const { failurePercent, slowPercent } = this.#options
    if (verdict.failed && window.failed * 100 >= failurePercent * window.total) this.#open(nowMs, `${window.failed} of ${window.total} attempts failed`)
    else if (verdict.slow && window.slow * 100 >= slowPercent * window.total) this.#open(nowMs, `${window.slow} of ${window.total} attempts were slow`)
  }

  // -- open

  #open(nowMs: number, why: string): void {
    const { openMs, maxOpenMs } = this.#options
    const forMs = Math.min(openMs * 2 ** this.#openings, maxOpenMs)
    this.#openings++
    this.#untilMs = nowMs + forMs
    this.#window.clear()
    this.#change('open', nowMs, `${why}; for ${forMs} ms`)
  }

  /** @param leftMs until it is worth asking again */
  #refuse(leftMs: number): MeshError {
    this.#parts.refused?.()
    const retryAfterMs = Math.ceil(leftMs / 1000) * 1000
    // hot: one error per second instead of one per refusal, which would cost its stack trace (bench breaker)
    if (this.#refusal?.retryAfterMs !== retryAfterMs) this.#refusal = new MeshError('MESH_BREAKER_OPEN', `the breaker is ${this.#state}`, undefined, retryAfterMs)
    return this.#refusal
  }

  // -- half open

  #halfOpen(nowMs: number): void {
    this.#generation++
    this.#good = 0
    this.#change('half-open', nowMs, 'its time is over')
  }

  #admitProbe(exchange: Exchange, nowMs: number): MeshError | undefined {
    if (this.#probes.size >= this.#options.probes) this.#judgeAnswered(nowMs)
    if (this.#state === 'closed') return undefined
    if (this.#state === 'open') return this.#refuse(this.#untilMs - nowMs)
    if (this.#probes.size >= this.#options.probes) return this.#refuse(1000)
    this.#probes.set(exchange, this.#generation)
    return undefined
  }

  /** A response may take hours to end, as an upgraded connection does: its head is enough to know. */
  #judgeAnswered(nowMs: number): void {
    for (const [exchange, generation] of this.#probes) {
      if (!hasAnswered(exchange)) continue
      this.#probes.delete(exchange)
      this.#probed(exchange, generation, nowMs)
    }
  }

  #probed(exchange: Exchange, generation: number, nowMs: number): void {
    if (this.#state !== 'half-open' || generation !== this.#generation) return
    const verdict = verdictOf(exchange, this.#options.slowMs)
    if (verdict === undefined) return
    if (verdict.failed || verdict.slow) this.#open(nowMs, verdict.failed ? 'a probe failed' : 'a probe was slow')
    else if (++this.#good >= this.#options.closeAfter) this.#close(nowMs)
  }

  #close(nowMs: number): void {
    this.#openings = 0
    this.#change('closed', nowMs, `${this.#good} probes went well`)
  }

  #change(state: BreakerState, nowMs: number, why: string): void {
    this.#state = state
    this.#sinceMs = nowMs
    this.#refusal = undefined
    this.#parts.changed?.({ state, why })
  }
}

type Range = readonly [least: number, most: number]

function checked(options: BreakerOptions): Required<BreakerOptions> {
  const { openMs = 5000, slowMs = Infinity } = options
  const all = { windowMs: 10_000, minAttempts: 20, failurePercent: 50, slowPercent: 50, maxOpenMs: Math.max(60_000, openMs), probes: 1, closeAfter: 3, ...options, openMs, slowMs }
  const ranges: Readonly<Record<keyof BreakerOptions, Range>> = {
    windowMs: [100, 600_000],
    minAttempts: [1, 1_000_000],
    failurePercent: [Number.MIN_VALUE, 100],
    slowMs: [1, slowMs === Infinity ? Infinity : 600_000],
    slowPercent: [Number.MIN_VALUE, 100],
    openMs: [10, 3_600_000],
    maxOpenMs: [openMs, 3_600_000],
    probes: [1, 1000],
    closeAfter: [1, 1000],
  }
  for (const name of Object.keys(ranges) as (keyof BreakerOptions)[]) check(name, all[name], ranges[name])
  return all
}

const whole: readonly (keyof BreakerOptions)[] = ['minAttempts', 'probes', 'closeAfter']

function check(name: keyof BreakerOptions, value: number, [least, most]: Range): void {
  if (!(value >= least && value <= most)) throw new RangeError(`${name} is ${least === Number.MIN_VALUE ? 'more than 0, to' : `from ${least} to`} ${most}, not ${value}`)
  if (whole.includes(name) && !Number.isInteger(value)) throw new RangeError(`${name} is a whole number, not ${value}`)
}
