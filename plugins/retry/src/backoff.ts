// The retry policy: is it a failure to be tried again, is an attempt left, is there room, is there time; and how long to wait.
import type { Counter, Exchange, RetryPolicy } from '@meshwright/core'
import { toBudget, type Budget, type BudgetOptions } from './budget.ts'
import { Conditions, type ConditionName, type ConditionOptions } from './conditions.ts'
import { toDelay, type Delay, type DelayOptions } from './delay.ts'
import { toResetTime, type ResetOptions, type ResetTime } from './reset-time.ts'

export interface BackoffOptions extends ConditionOptions, DelayOptions {
  /** All attempts of an exchange, the first one included. 1..100; default 2: one more when the first has failed. */
  readonly attempts?: number
  /** How long one attempt may take to bring a response head. Milliseconds, 0..3600000; default 0: as long as the service's timeouts allow. */
  readonly attemptTimeoutMs?: number
  /** Wait for as long as the endpoint says, in a response that is tried again. Default: it is not asked. */
  readonly rateLimited?: ResetOptions
  /** How many further attempts there may be at a time. Default: 20 percent of those under way, but 3. `false`: no limit. */
  readonly budget?: BudgetOptions | false
  /** How much of a request body is kept so that it can be sent again. Bytes, 0..67108864; default 65536. */
  readonly replayBytes?: number
  /** A request header that tells the endpoint which attempt it sees: `1`, `2`, … Default: none. */
  readonly attemptHeader?: string
}

/** Why a failure that is worth another attempt got none. */
export type Refusal = 'attempts' | 'budget' | 'deadline'

/** What a policy is given by whoever runs it. */
export interface BackoffParts {
  /** Counts further attempts by the condition that called for them. */
  readonly made?: ReadonlyMap<ConditionName, Counter>
  readonly refused?: Readonly<Record<Refusal, Counter>>
  /** A number from 0 to less than 1. Default Math.random. */
  readonly random?: () => number
  /** Milliseconds since 1970. Default Date.now. */
  readonly now?: () => number
}

/**
 * Tries again what is likely to go well on another endpoint, after a wait that grows, within a budget.
 *
 * Asked in this order: does a condition hold, is an attempt left, is there room in the budget, will there be time. What was
 * made by this mesh itself (no room, no endpoint, a filter's reply) is never tried again. One instance may serve many services.
 * @throws RangeError or TypeError when an option is out of range
 */
export function backoff(options: BackoffOptions = {}, parts: BackoffParts = {}): Backoff {
  return new Backoff(options, parts)
}

export class Backoff implements RetryPolicy {
  readonly replayBytes: number
  readonly attemptTimeoutMs: number
  readonly attemptHeader?: string
  readonly everyResponse: boolean
  readonly #attempts: number
  readonly #conditions: Conditions
  readonly #delay: Delay
  readonly #resetTime: ResetTime | undefined
  readonly #budget: Budget | undefined
  readonly #parts: BackoffParts

  constructor(options: BackoffOptions, parts: BackoffParts) {
    const { random = Math.random, now = Date.now } = parts
    this.#attempts = within('attempts', options.attempts ?? 2, 1, 100)
    this.replayBytes = within('replayBytes', options.replayBytes ?? 65_536, 0, 67_108_864)
    this.attemptTimeoutMs = within('attemptTimeoutMs', options.attemptTimeoutMs ?? 0, 0, 3_600_000)
    if (options.attemptHeader !== undefined) this.attemptHeader = toFieldName(options.attemptHeader)
    this.#conditions = new Conditions(options)
    this.everyResponse = this.#conditions.everyResponse
    this.#delay = toDelay(options, random)
    this.#resetTime = options.rateLimited === undefined ? undefined : toResetTime(options.rateLimited, random, now)
    this.#budget = options.budget === false ? undefined : toBudget(options.budget ?? {})
    this.#parts = parts
  }

  next(exchange: Exchange): number | undefined {
    const reason = this.#conditions.reason(exchange)
    if (reason === undefined) return undefined
    if (exchange.attempt >= this.#attempts) return this.#refuse('attempts', exchange)
    if (this.#budget !== undefined && !this.#budget(exchange)) return this.#refuse('budget', exchange)
    const delayMs = this.#wait(exchange)
    // The core would not make it either; here it is counted.
    if (exchange.deadlineMs !== Infinity && performance.now() + delayMs >= exchange.deadlineMs) return this.#refuse('deadline', exchange)
    this.#parts.made?.get(reason)?.inc()
    return delayMs
  }

  #wait({ error, response, attempt }: Exchange): number {
    const said = error === undefined && response !== undefined ? this.#resetTime?.(response.headers) : undefined
    return said ?? this.#delay(attempt)
  }

  #refuse(why: Refusal, exchange: Exchange): undefined {
    if (why !== 'deadline') exchange.unretried = why === 'attempts' ? 'attempts' : 'overflow'
    this.#parts.refused?.[why].inc()
  }
}

function within(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) throw new RangeError(`${name} is a whole number from ${least} to ${most}, not ${value}`)
  return value
}

function toFieldName(name: string): string {
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]{1,200}$/i.test(name)) throw new TypeError(`attemptHeader is the name of a header field, not "${name}"`)
  return name.toLowerCase()
}
