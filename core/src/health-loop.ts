// Asks a health check about every endpoint of a service, each on its own clock.
import type { Endpoint } from './endpoint.ts'
import { messageOf } from './errors.ts'
import type { HealthCheck } from './questions.ts'

const defaultIntervalMs = 5_000
/** A check that has said nothing for that long says that the endpoint is not fit. */
const maxCheckMs = 30_000

/** Told after each check whose answer differs from what is known. */
export type HealthChanged = (endpoint: Endpoint, healthy: boolean, reason: string | undefined) => void

/** One loop per service, on the control side. An endpoint counts as healthy until a check says otherwise. */
export class HealthLoop {
  readonly #check: HealthCheck
  readonly #changed: HealthChanged
  readonly #watched = new Map<Endpoint, AbortController>()

  constructor(check: HealthCheck, changed: HealthChanged) {
    this.#check = check
    this.#changed = changed
  }

  /** Checks exactly these from now on. */
  follow(endpoints: readonly Endpoint[]): void {
    for (const [endpoint, controller] of this.#watched) {
      if (endpoints.includes(endpoint)) continue
      this.#watched.delete(endpoint)
      controller.abort()
    }
    for (const endpoint of endpoints) {
      if (this.#watched.has(endpoint)) continue
      const controller = new AbortController()
      this.#watched.set(endpoint, controller)
      void this.#run(endpoint, controller.signal)
    }
  }

  close(): void {
    this.follow([])
  }

  async #run(endpoint: Endpoint, stop: AbortSignal): Promise<void> {
    const asked = this.#check.intervalMs ?? 0
    const intervalMs = asked > 0 ? asked : defaultIntervalMs
    while (!stop.aborted) {
      await this.#ask(endpoint, stop)
      if (stop.aborted) return
      // Jitter of a tenth, so that checks of many endpoints do not march in step.
      await pause(intervalMs * (1 + Math.random() / 10), stop)
    }
  }

  async #ask(endpoint: Endpoint, stop: AbortSignal): Promise<void> {
    let reason: string | undefined
    const given = limited(stop)
    try {
      await Promise.race([this.#check.check(endpoint, given.signal), given.over])
    } catch (thrown) {
      reason = messageOf(thrown)
    }
    given.end()
    const healthy = reason === undefined
    if (!stop.aborted && (endpoint.healthy !== healthy || (!healthy && endpoint.reason !== reason))) this.#changed(endpoint, healthy, reason)
  }
}

/** A signal that also aborts when a check takes too long, and a promise that rejects then. */
function limited(stop: AbortSignal): { readonly signal: AbortSignal; readonly over: Promise<never>; end(): void } {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${maxCheckMs} ms`)), maxCheckMs)
  timer.unref()
  const signal = AbortSignal.any([stop, late.signal])
  const over = new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
  // Nobody listens any more when the check was in time.
  over.catch(() => {})
  return { signal, over, end: () => clearTimeout(timer) }
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
