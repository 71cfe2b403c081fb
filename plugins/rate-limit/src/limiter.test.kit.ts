// What the limiter's tests share: exchanges out of a few words, and a clock that a test sets.
import { Exchange, Headers, Request, type Reply } from '@meshwright/core'
import { rateLimit, type RateLimitCounters, type RateLimiter, type RateLimitOptions } from './rate-limit.ts'

export interface Asked {
  readonly address?: string
  readonly headers?: readonly string[]
  readonly query?: string
  readonly route?: string
}

export interface TestLimiter {
  readonly filter: RateLimiter
  readonly counters: Record<keyof RateLimitCounters, { value: number }>
  /** Sets the time in milliseconds. */
  readonly at: (ms: number) => void
  readonly ask: (asked?: Asked) => Reply | undefined
  /** How many of so many requests pass. */
  readonly passes: (count: number, asked?: Asked) => number
}

export function exchangeOf({ address = '192.0.2.1', headers = [], query = '', route = 'users' }: Asked = {}, startedMs = 0): Exchange {
  const request = new Request({
    method: 'GET', path: '/', query, hasQuery: query !== '', authority: 'a', scheme: 'http', headers: new Headers([...headers]), version: '1.1',
    peerAddress: address, clientAddress: address, id: 'id-1', upgrade: undefined, expectContinue: false,
  })
  return new Exchange(request, undefined, { name: route } as never, 'test', startedMs)
}

export function limiter(options: RateLimitOptions, memory?: SharedArrayBuffer): TestLimiter {
  let nowMs = 1_000_000
  const counters = { allowed: counter(), refused: counter(), shadow: counter(), forgotten: counter() }
  const clock = { now: () => nowMs, of: (exchange: Exchange) => exchange.startedMs }
  const filter = rateLimit(options, { clock, counters, ...(memory === undefined ? {} : { memory }) })
  const ask = (asked?: Asked): Reply | undefined => filter.onRequestHeaders(exchangeOf(asked, nowMs)) ?? undefined
  return {
    filter,
    counters,
    at: (ms) => void (nowMs = 1_000_000 + ms),
    ask,
    passes: (count, asked) => Array.from({ length: count }, () => ask(asked)).filter((reply) => reply === undefined).length,
  }
}

export interface TestCounter {
  inc(): void
  add(amount: number): void
  value: number
}

function counter(): TestCounter {
  return {
    value: 0,
    inc() {
      this.value++
    },
    add(amount) {
      this.value += amount
    },
  }
}

/** A sequence of numbers from 0 to less than 1 that is the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
