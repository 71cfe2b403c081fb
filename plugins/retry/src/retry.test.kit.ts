// What the tests of this package share: exchanges as the core hands them to a policy, and chance that repeats itself.
import { Exchange, Headers, MeshError, Request, Response, type ErrorCode, type Service } from '@meshwright/core'

export interface Failure {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly code?: ErrorCode
  readonly sent?: boolean
  /** Which attempt has failed. Default 1. */
  readonly attempt?: number
  /** Attempts under way, and further ones. Default 1 and 0. */
  readonly active?: number
  readonly retrying?: number
}

/** An exchange whose attempt has failed. */
export function failed(failure: Failure): Exchange {
  const { status, headers = {}, code, sent = true, attempt = 1, active = 1, retrying = 0 } = failure
  const request = new Request({
    method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: new Headers(), version: '1.1',
    peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: 'r', upgrade: undefined, expectContinue: false,
  })
  const exchange = new Exchange(request, undefined, undefined, 'public', 1)
  exchange.attempt = attempt
  exchange.sent = sent
  exchange.service = { active, retrying } as Service
  if (status !== undefined) exchange.response = new Response(status, '', Headers.from(headers))
  if (code !== undefined) exchange.error = new MeshError(code)
  return exchange
}

/** The same numbers in every run: a linear congruential generator. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
