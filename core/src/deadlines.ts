// Every timeout of every exchange in one list, swept when the earliest is due, so that arming one costs two stores.
import type { ErrorCode } from './errors.ts'

/** Which of an exchange's waits ran out: the whole of it, the client, one attempt as a whole, or the endpoint in one phase of it. */
export type Wait = 'total' | 'client' | 'attempt' | 'endpoint'

/** Something that waits. Each deadline is in milliseconds of the monotonic clock; Infinity: not waiting. */
export abstract class Timed {
  totalAtMs: number = Infinity
  clientAtMs: number = Infinity
  attemptAtMs: number = Infinity
  endpointAtMs: number = Infinity
  previous: Timed | undefined = undefined
  next: Timed | undefined = undefined
  /** What it means if the whole, the current wait for the client, or that for the endpoint, takes too long. */
  totalCode: ErrorCode = 'MESH_REQUEST_TIMEOUT'
  clientCode: ErrorCode = 'MESH_REQUEST_BODY_TIMEOUT'
  endpointCode: ErrorCode = 'MESH_CONNECT_TIMEOUT'
  readonly #deadlines: Deadlines | undefined

  constructor(deadlines: Deadlines | undefined) {
    this.#deadlines = deadlines
  }

  /** Called once per deadline that has passed; the deadline is Infinity again by then. */
  abstract timedOut(wait: Wait): void

  /** The earliest of them. */
  get dueAtMs(): number {
    return Math.min(this.totalAtMs, this.clientAtMs, this.attemptAtMs, this.endpointAtMs)
  }

  /** The whole of it may last until then. */
  lastUntil(atMs: number, code: ErrorCode): void {
    this.totalCode = code
    this.totalAtMs = atMs
    this.#deadlines?.armed(atMs)
  }

  /** Waits for the endpoint from now on; 0 ms: for ever. */
  waitForEndpoint(ms: number, code: ErrorCode, nowMs: number = performance.now()): void {
    this.endpointCode = code
    this.endpointAtMs = ms === 0 ? Infinity : nowMs + ms
    this.#deadlines?.armed(this.endpointAtMs)
  }

  /** The attempt that has begun may last that long; 0 ms: for ever. */
  waitForAttempt(ms: number, nowMs: number): void {
    this.attemptAtMs = ms === 0 ? Infinity : nowMs + ms
    this.#deadlines?.armed(this.attemptAtMs)
  }

  /** Waits for the client from now on; 0 ms: for ever. */
  waitForClient(ms: number, code: ErrorCode): void {
    this.clientCode = code
    this.clientAtMs = ms === 0 ? Infinity : performance.now() + ms
    this.#deadlines?.armed(this.clientAtMs)
  }
}

/**
 * The waits of one thread.
 *
 * A timer per exchange and phase would cost about 0.5 µs each; here a phase only stores its deadline. Deadlines mostly
 * move later, so the one timer that is set stays good: it fires at the earliest deadline it has seen, looks at all
 * exchanges, and is set again. A deadline earlier than the timer resets it.
 */
export class Deadlines {
  readonly #head: Timed = new Sentinel()
  #size = 0
  #sweepAtMs = Infinity
  #timer: NodeJS.Timeout | undefined = undefined
  readonly #minDelayMs: number

  /** @param minDelayMs how far sweeps are apart at least, and so how late a deadline may be noticed */
  constructor(minDelayMs = 1) {
    this.#minDelayMs = minDelayMs
  }

  /** Exchanges in the list. */
  get size(): number {
    return this.#size
  }

  add(timed: Timed): void {
    const last = this.#head.previous ?? this.#head
    timed.previous = last
    timed.next = this.#head
    last.next = timed
    this.#head.previous = timed
    this.#size++
  }

  /** Takes it off the list; harmless if it is not on it. */
  remove(timed: Timed): void {
    if (timed.previous === undefined || timed.next === undefined) return
    timed.previous.next = timed.next
    timed.next.previous = timed.previous
    timed.previous = undefined
    timed.next = undefined
    this.#size--
  }

  /** Says that a deadline was set; to be called after every store of an earlier one. */
  armed(atMs: number): void {
    if (atMs < this.#sweepAtMs) this.#schedule(atMs)
  }

  /** All that are on the list now. */
  all(): Timed[] {
    const list: Timed[] = []
    for (let timed = this.#head.next; timed !== undefined && timed !== this.#head; timed = timed.next) list.push(timed)
    return list
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#sweepAtMs = Infinity
  }

  #schedule(atMs: number): void {
    clearTimeout(this.#timer)
    this.#sweepAtMs = atMs
    if (atMs === Infinity) return
    // setTimeout takes 31 bits of milliseconds; a later deadline is looked at again after that.
    const delayMs = Math.min(Math.max(this.#minDelayMs, Math.ceil(atMs - performance.now())), 0x7fff_ffff)
    this.#timer = setTimeout(() => this.#sweep(), delayMs)
    this.#timer.unref()
  }

  #sweep(): void {
    const nowMs = performance.now()
    this.#sweepAtMs = Infinity
    let earliest = Infinity
    for (const timed of this.all()) {
      if (timed.next === undefined) continue // removed by one that expired before it
      if (timed.dueAtMs <= nowMs) expire(timed, nowMs)
      if (timed.next !== undefined) earliest = Math.min(earliest, timed.dueAtMs)
    }
    if (earliest < this.#sweepAtMs) this.#schedule(earliest)
  }
}

class Sentinel extends Timed {
  constructor() {
    super(undefined)
    this.next = this
    this.previous = this
  }
  timedOut(): void {}
}

function expire(timed: Timed, nowMs: number): void {
  if (timed.totalAtMs <= nowMs) {
    timed.totalAtMs = Infinity
    timed.timedOut('total')
  } else if (timed.attemptAtMs <= nowMs) {
    timed.attemptAtMs = Infinity
    timed.timedOut('attempt')
  } else if (timed.endpointAtMs <= nowMs) {
    timed.endpointAtMs = Infinity
    timed.timedOut('endpoint')
  } else if (timed.clientAtMs <= nowMs) {
    timed.clientAtMs = Infinity
    timed.timedOut('client')
  }
}
