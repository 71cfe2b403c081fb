// Asks a health check about every endpoint of a service, each on its own clock, and believes what it hears often enough.
import type { Endpoint } from './endpoint.ts'
import { messageOf } from './errors.ts'
import { fullSchedule, type FullHealthSchedule } from './health-schedule.ts'
import type { HealthCheck } from './questions.ts'
import { Turnstile } from './turnstile.ts'
import { Unfit } from './unfit.ts'

/** Checks of one service that are under way at a time; further ones wait, which does not count as their time. */
const maxAtOnce = 256

export interface HealthLoopOptions {
  /** Told when an endpoint's health changes, and of each new reason of an unfit one. */
  readonly changed: (endpoint: Endpoint, healthy: boolean, reason: string | undefined) => void
  /** Whether the service has had traffic; default: it has. Asked at every interval of an endpoint. */
  readonly busy?: () => boolean
  /** Default Math.random. */
  readonly random?: () => number
}

/** What the watches of one service share. */
interface Shared {
  readonly check: HealthCheck
  readonly schedule: FullHealthSchedule
  readonly turnstile: Turnstile
  readonly options: Required<HealthLoopOptions>
}

/** One loop per service, on the control side. An endpoint counts as fit until a check says otherwise, unless `waitForFirst` is set. */
export class HealthLoop {
  readonly #shared: Shared
  readonly #watched = new Map<Endpoint, AbortController>()
  readonly #trusted = new WeakSet<Endpoint>()

  /** @throws RangeError when the check's schedule is out of range */
  constructor(check: HealthCheck, options: HealthLoopOptions) {
    const { changed, busy = () => true, random = Math.random } = options
    this.#shared = {
      check,
      schedule: fullSchedule(check),
      turnstile: new Turnstile(maxAtOnce),
      options: { changed, busy, random },
    }
  }

  /** These have been serving already: they stay what they are until they are checked. */
  trust(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) this.#trusted.add(endpoint)
  }

  /** Checks exactly these from now on. */
  follow(endpoints: readonly Endpoint[]): void {
    const kept = new Set(endpoints)
    const ill = new Set<string>()
    for (const [endpoint, controller] of this.#watched) {
      if (kept.has(endpoint)) continue
      if (!endpoint.healthy) ill.add(endpoint.id)
      this.#watched.delete(endpoint)
      controller.abort()
      this.#shared.check.forget?.(endpoint)
    }
    for (const endpoint of endpoints) if (!this.#watched.has(endpoint)) this.#begin(endpoint, ill)
  }

  close(): void {
    this.follow([])
  }

  #begin(endpoint: Endpoint, ill: ReadonlySet<string>): void {
    const { schedule, options } = this.#shared
    const controller = new AbortController()
    this.#watched.set(endpoint, controller)
    if (schedule.waitForFirst && !this.#trusted.has(endpoint)) options.changed(endpoint, false, 'not checked yet')
    // Whoever goes by ids would believe of the new instance what was true of the one before.
    else if (ill.has(endpoint.id)) options.changed(endpoint, true, undefined)
    void new Watch(endpoint, controller.signal, this.#shared).run()
  }
}

/** The checks of one endpoint, one after the other. */
class Watch {
  readonly #endpoint: Endpoint
  readonly #stop: AbortSignal
  readonly #shared: Shared
  /** Answers in a row that contradict what is believed. */
  #doubts = 0
  #isFirst = true

  constructor(endpoint: Endpoint, stop: AbortSignal, shared: Shared) {
    this.#endpoint = endpoint
    this.#stop = stop
    this.#shared = shared
  }

  async run(): Promise<void> {
    const { schedule, options, turnstile } = this.#shared
    if (schedule.initialJitterMs > 0) await pause(schedule.initialJitterMs * options.random(), this.#stop)
    while (!this.#stop.aborted) {
      const line = turnstile.enter()
      if (line !== undefined) await line
      if (!this.#stop.aborted) await this.#ask()
      turnstile.leave()
      if (!this.#stop.aborted) await this.#wait()
    }
  }

  async #ask(): Promise<void> {
    let failure: { readonly thrown: unknown } | undefined
    const given = limited(this.#stop, this.#shared.schedule.timeoutMs)
    try {
      await Promise.race([this.#shared.check.check(this.#endpoint, given.signal), given.over])
    } catch (thrown) {
      failure = { thrown }
    }
    given.end()
    if (this.#stop.aborted) return
    this.#judge(failure === undefined ? undefined : messageOf(failure.thrown), failure?.thrown instanceof Unfit)
    this.#isFirst = false
  }

  #judge(reason: string | undefined, isSure: boolean): void {
    const { changed } = this.#shared.options
    const healthy = reason === undefined
    if (healthy === this.#endpoint.healthy) {
      this.#doubts = 0
      if (!healthy && this.#endpoint.reason !== reason) changed(this.#endpoint, false, reason)
      return
    }
    this.#doubts++
    // Nothing is known of it yet: then one answer is better than none.
    if (!this.#isFirst && !isSure && this.#doubts < this.#threshold(healthy)) return
    this.#doubts = 0
    changed(this.#endpoint, healthy, reason)
  }

  #threshold(healthy: boolean): number {
    const { healthyThreshold, unhealthyThreshold } = this.#shared.schedule
    return healthy ? healthyThreshold : unhealthyThreshold
  }

  async #wait(): Promise<void> {
    const { intervalMs, noTrafficIntervalMs, jitterPercent } = this.#shared.schedule
    // Jitter only adds, so that checks of many endpoints do not march in step and none comes too early.
    let waitedMs = this.#intervalMs() * (1 + (jitterPercent / 100) * this.#shared.options.random())
    await pause(waitedMs, this.#stop)
    // In small steps: the first traffic ends the long wait.
    while (!this.#stop.aborted && waitedMs < noTrafficIntervalMs && this.#isIdle()) {
      const stepMs = Math.min(intervalMs, noTrafficIntervalMs - waitedMs)
      await pause(stepMs, this.#stop)
      waitedMs += stepMs
    }
  }

  #intervalMs(): number {
    const { intervalMs, unhealthyIntervalMs, edgeIntervalMs } = this.#shared.schedule
    if (this.#doubts > 0) return edgeIntervalMs
    return this.#endpoint.healthy ? intervalMs : unhealthyIntervalMs
  }

  #isIdle(): boolean {
    return this.#doubts === 0 && this.#endpoint.healthy && !this.#shared.options.busy()
  }
}

/**
 * A signal that also aborts when a check takes too long, and a promise that rejects then. Not AbortSignal.any: what hangs on
 * it would be kept for as long as the endpoint is checked, some kilobytes for each check.
 */
function limited(stop: AbortSignal, timeoutMs: number): { readonly signal: AbortSignal; readonly over: Promise<never>; end(): void } {
  const given = new AbortController()
  const { promise: over, reject } = Promise.withResolvers<never>()
  // Nobody listens any more when the check was in time.
  over.catch(() => {})
  const abort = (reason: unknown): void => {
    given.abort(reason)
    reject(reason)
  }
  const stopped = (): void => abort(stop.reason)
  stop.addEventListener('abort', stopped, { once: true })
  // An answer that came while this thread was busy is read first: timers run before sockets.
  let last: NodeJS.Immediate | undefined
  const timer = setTimeout(() => (last = setImmediate(abort, new Error(`no answer within ${timeoutMs} ms`))), timeoutMs)
  timer.unref()
  const end = (): void => {
    clearTimeout(timer)
    clearImmediate(last)
    stop.removeEventListener('abort', stopped)
  }
  return { signal: given.signal, over, end }
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    timer.unref()
    stop.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      stop.removeEventListener('abort', done)
      resolve()
    }
  })
}
