// What the tests of this package share: a breaker, and attempts that end as the test wants.
import { Exchange, Headers, MeshError, Request, Response, type ErrorCode } from '@meshwright/core'
import { vi } from 'vitest'
import { breaker, type Breaker, type BreakerOptions } from './breaker.ts'

export function exchange(): Exchange {
  const request = new Request({
    method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: new Headers(), version: '1.1',
    peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: 'r', upgrade: undefined, expectContinue: false,
  })
  return new Exchange(request, undefined, undefined, 'public', performance.now())
}

/** How an attempt ends: a status, an error, a reply made here. */
export interface End {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly code?: ErrorCode
  readonly replied?: boolean
  /** How long it takes; the clock goes on by that. Default 0. */
  readonly ms?: number
}

export const good: End = { status: 200 }
export const bad: End = { status: 500 }
export const gone: End = { code: 'MESH_CLIENT_CLOSED' }

/** One attempt under way. */
export class Attempt {
  readonly exchange: Exchange
  readonly refusal: MeshError | undefined
  readonly #breaker: Breaker

  constructor(of: Breaker, one: Exchange = exchange()) {
    this.exchange = one
    this.#breaker = of
    this.refusal = of.admit(one)
    one.attempt++
    one.attemptMs = performance.now()
  }

  get admitted(): boolean {
    return this.refusal === undefined
  }

  /** The response head is there. */
  answer({ status = 200, headers = {}, replied = false }: End): this {
    this.exchange.response = new Response(status, '', Headers.from(headers))
    this.exchange.headersMs = performance.now()
    this.exchange.replied = replied
    return this
  }

  end(how: End): void {
    vi.advanceTimersByTime(how.ms ?? 0)
    if (how.status !== undefined) this.answer(how)
    if (how.code !== undefined) this.exchange.error = new MeshError(how.code)
    this.#breaker.ended(this.exchange)
  }
}

export interface Played {
  readonly breaker: Breaker
  /** The states it has had, with their reasons. */
  readonly changes: string[]
  readonly refusals: () => number
  /** Begins an attempt. */
  begin(): Attempt
  /** Makes attempts, one after the other; how many of them were admitted. */
  pass(how: End, count?: number): number
}

export function play(options: BreakerOptions = {}): Played {
  const changes: string[] = []
  let refusals = 0
  const made = breaker(options, { changed: ({ state, why }) => void changes.push(`${state}: ${why}`), refused: () => void refusals++ })
  return {
    breaker: made,
    changes,
    refusals: () => refusals,
    begin: () => new Attempt(made),
    pass(how, count = 1) {
      let admitted = 0
      for (let i = 0; i < count; i++) {
        const attempt = new Attempt(made)
        if (!attempt.admitted) continue
        admitted++
        attempt.end(how)
      }
      return admitted
    },
  }
}
