// Whose time counts, how much of it there is, and what the endpoint is told.
import { Exchange, Headers, Request, type Filter } from '@meshwright/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { deadline, type DeadlineOptions } from './deadline.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  vi.advanceTimersByTime(5000)
})
afterEach(() => void vi.useRealTimers())

const pass = (ms: number): void => void vi.advanceTimersByTime(ms)

function exchange(headers: Readonly<Record<string, string>>, peerAddress = '127.0.0.1'): Exchange {
  const request = new Request({
    method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: Headers.from(headers), version: '1.1',
    peerAddress, clientAddress: peerAddress, id: 'r', upgrade: undefined, expectContinue: false,
  })
  return new Exchange(request, undefined, undefined, 'public', performance.now())
}

/** How much time the exchange gets. */
function given(headers: Readonly<Record<string, string>>, options: DeadlineOptions = {}): number {
  const one = exchange(headers)
  void deadline(options).onRequestHeaders?.(one)
  return one.deadlineMs - one.startedMs
}

const grpc = { 'content-type': 'application/grpc+proto' }

describe('the time of the caller', () => {
  test.each([
    [{ 'X-Request-Timeout-Ms': '1500' }, 1500],
    [{ 'x-envoy-expected-rq-timeout-ms': '20' }, 20],
    [{ 'x-envoy-upstream-rq-timeout-ms': '30' }, 30],
    [{ 'x-request-timeout-ms': '007' }, 7],
    [{ ...grpc, 'grpc-timeout': '2S' }, 2000],
    [{ ...grpc, 'grpc-timeout': '500u' }, 0.5],
  ])('%j is %d ms', (headers, ms) => {
    expect(given(headers)).toBeCloseTo(ms, 6)
  })

  test('is the shortest of several', () => {
    expect(given({ 'x-request-timeout-ms': '900', 'x-envoy-expected-rq-timeout-ms': '800' })).toBe(800)
    expect(given({ ...grpc, 'grpc-timeout': '1S', 'x-request-timeout-ms': '3000' })).toBe(1000)
  })

  test.each(['', '0', '-5', '1.5', '1e3', 'soon', ' 5', '1000000000000000'])('is none in "%s"', (text) => {
    expect(given({ 'x-request-timeout-ms': text })).toBe(Infinity)
  })

  test('is none in a grpc-timeout that is none, or of what is no gRPC call', () => {
    expect(given({ ...grpc, 'grpc-timeout': '5' })).toBe(Infinity)
    expect(given({ 'grpc-timeout': '5S' })).toBe(Infinity)
  })

  test('is as much as maxMs at most', () => {
    expect(given({ 'x-request-timeout-ms': '5000' }, { maxMs: 1000 })).toBe(1000)
    expect(given({ 'x-request-timeout-ms': '500' }, { maxMs: 1000 })).toBe(500)
    expect(given({}, { maxMs: 1000 })).toBe(Infinity)
  })

  test('never makes a deadline later that is there already', () => {
    const one = exchange({ 'x-request-timeout-ms': '5000' })
    one.deadlineMs = one.startedMs + 100
    void deadline().onRequestHeaders?.(one)
    expect(one.deadlineMs - one.startedMs).toBe(100)
  })

  test('runs from when the request came, not from when the filter sees it', () => {
    const one = exchange({ 'x-request-timeout-ms': '100' })
    pass(60)
    void deadline().onRequestHeaders?.(one)
    expect(one.deadlineMs - performance.now()).toBe(40)
  })

  test('that is over is refused at once', () => {
    const one = exchange({ 'x-request-timeout-ms': '100' })
    pass(100)
    expect(() => deadline().onRequestHeaders?.(one)).toThrow(expect.objectContaining({ code: 'MESH_DEADLINE_EXCEEDED', status: 504, source: 'downstream' }))
    expect(() => given({ ...grpc, 'grpc-timeout': '0m' })).toThrow(/no time left/)
  })

  test('is read from the headers that the options name', () => {
    expect(given({ 'x-patience': '70', 'x-request-timeout-ms': '5' }, { headers: ['X-Patience'] })).toBe(70)
  })
})

describe('a peer', () => {
  const headers = { ...grpc, 'x-request-timeout-ms': '100', 'x-envoy-expected-rq-timeout-ms': '100', 'grpc-timeout': '1S', accept: '*/*' }
  const filter: Filter = deadline({ trustedPeers: ['10.0.0.0/8', '::1'] })

  test.each(['10.1.2.3', '::1', '::ffff:10.1.2.3'])('%s that is trusted says how long it waits', (peer) => {
    const one = exchange(headers, peer)
    void filter.onRequestHeaders?.(one)
    expect(one.deadlineMs - one.startedMs).toBe(100)
  })

  test.each(['11.1.2.3', '', '2001:db8::1'])('"%s" that is not says nothing, to the endpoint neither', (peer) => {
    const one = exchange(headers, peer)
    void filter.onRequestHeaders?.(one)
    expect(one.deadlineMs).toBe(Infinity)
    expect([...one.request.headers].map(([name]) => name)).toEqual(['content-type', 'accept'])
  })

  test('is trusted by nobody where the list is empty', () => {
    const one = exchange(headers)
    void deadline({ trustedPeers: [] }).onRequestHeaders?.(one)
    expect(one.deadlineMs).toBe(Infinity)
  })
})

describe('an endpoint', () => {
  /** What the headers say after a filter has seen an attempt. */
  function told(headers: Readonly<Record<string, string>>, afterMs: number, options: DeadlineOptions = {}): Record<string, string> {
    const filter = deadline(options)
    const one = exchange(headers)
    void filter.onRequestHeaders?.(one)
    pass(afterMs)
    void filter.onAttempt?.(one)
    return Object.fromEntries(one.request.headers)
  }

  test('is told what is left, in the usual header', () => {
    expect(told({ 'x-request-timeout-ms': '1000' }, 250)).toEqual({ 'x-request-timeout-ms': '750' })
  })

  test('is told in all headers that the caller has used', () => {
    expect(told({ 'x-envoy-expected-rq-timeout-ms': '1000' }, 250)).toEqual({ 'x-envoy-expected-rq-timeout-ms': '750', 'x-request-timeout-ms': '750' })
    expect(told({ ...grpc, 'grpc-timeout': '1S' }, 250)).toEqual({ ...grpc, 'grpc-timeout': '750m', 'x-request-timeout-ms': '750' })
  })

  test('is told of less, by the margin', () => {
    expect(told({ 'x-request-timeout-ms': '1000' }, 250, { marginMs: 50 })).toEqual({ 'x-request-timeout-ms': '700' })
  })

  test('is told of a deadline that the caller did not set', () => {
    const filter = deadline()
    const one = exchange(grpc)
    one.deadlineMs = one.startedMs + 300
    void filter.onAttempt?.(one)
    expect(Object.fromEntries(one.request.headers)).toEqual({ ...grpc, 'x-request-timeout-ms': '300', 'grpc-timeout': '300m' })
  })

  test('is told nothing where there is no deadline', () => {
    expect(told({ 'x-request-timeout-ms': '0' }, 250)).toEqual({ 'x-request-timeout-ms': '0' })
  })

  test('is told anew in each attempt', () => {
    const filter = deadline()
    const one = exchange({ 'x-request-timeout-ms': '1000' })
    void filter.onRequestHeaders?.(one)
    for (const left of ['1000', '900', '800']) {
      void filter.onAttempt?.(one)
      expect(one.request.headers.getAll('x-request-timeout-ms')).toEqual([left])
      pass(100)
    }
  })

  test('is not asked when nothing is left', () => {
    const told1 = (afterMs: number): unknown => told({ 'x-request-timeout-ms': '1000' }, afterMs, { marginMs: 100 })
    expect(told1(899)).toEqual({ 'x-request-timeout-ms': '1' })
    expect(() => told1(900)).toThrow(expect.objectContaining({ code: 'MESH_DEADLINE_EXCEEDED' }))
  })
})

test.each([{ maxMs: 0 }, { maxMs: 86_400_001 }, { marginMs: -1 }, { marginMs: 60_001 }, { headers: [] }, { headers: ['a b'] }, { headers: Array.from({ length: 9 }, () => 'a') }, { trustedPeers: ['10.0.0.0/99'] }])(
  '%j is refused',
  (options) => {
    expect(() => deadline(options)).toThrow(/maxMs|marginMs|headers|10\.0\.0\.0/)
  },
)
