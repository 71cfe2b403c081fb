// The path of one exchange, played at unit level: every way in, every way out, and what may be tried again.
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MeshError } from './errors.ts'
import { Response, type Exchange } from './exchange.ts'
import { Headers } from './headers.ts'
import { proxy } from './proxy.ts'
import type { Admission, Filter, OutlierDetector, RetryPolicy } from './questions.ts'
import { reply } from './reply.ts'
import { bytes, run, textOf, turn, type Attempt, type Run, type RunSetup } from './unit.test.kit.ts'

const filter = (parts: Omit<Filter, 'name'>): Filter => ({ name: 'under-test', ...parts })
const always: RetryPolicy = { next: ({ attempt }) => (attempt < 3 ? 0 : undefined) }
const boom = (): never => {
  throw new Error('secret')
}
const refused = (attempt: Attempt): void => attempt.sink.onError(new MeshError('MESH_CONNECT_FAILED'))
const reset = (attempt: Attempt): void => attempt.connect().sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
const ok = (attempt: Attempt): void => attempt.answer(200, 'ok')
/** Plays one attempt after the other; the last play is repeated. */
const inTurn = (...plays: ((attempt: Attempt) => void)[]) => (attempt: Attempt) => (plays[attempt.exchange.attempt - 1] ?? plays.at(-1))?.(attempt)

function start(setup: RunSetup = {}, play: (attempt: Attempt) => void = () => {}): Run {
  const one = run(setup)
  one.transport.play = play
  proxy(one.relay)
  return one
}

/** The law: once, and nothing stays counted. */
function expectOver(one: Run): void {
  expect([one.completed.length, one.inFlight(), one.deadlines.size], 'completed, in flight, on the clock').toEqual([1, 0, 0])
  expect(one.exchange.endedMs).toBeGreaterThan(0)
  expect(one.client.body).not.toContain('secret')
}

describe('an exchange', () => {
  test('goes through its filters to an endpoint and back', () => {
    const order: string[] = []
    const noting = (name: string): Filter => ({
      name,
      onRequestHeaders: () => void order.push(`${name} request`),
      onAttempt: () => void order.push(`${name} attempt`),
      onResponseHeaders: () => void order.push(`${name} response`),
      onEnd: () => void order.push(`${name} end`),
    })
    const one = start({ filters: [noting('a'), noting('b')] }, ok)
    expect([one.client.status, one.client.body, one.client.headers.get('via')]).toEqual([200, 'ok', '1.1 unit'])
    expect(order).toEqual(['a request', 'b request', 'a attempt', 'b attempt', 'b response', 'a response', 'a end', 'b end'])
    expectOver(one)
  })

  test('is counted at its endpoint while it is under way', () => {
    const one = start()
    expect(one.inFlight()).toBe(1)
    one.transport.last.answer(200)
    expectOver(one)
    expect(one.exchange.endpoint).toMatchObject({ inFlight: 0, attempts: 1, failures: 0 })
  })

  test('without a fit endpoint is a 503 MESH_NO_ENDPOINT', () => {
    const one = start({ hosts: [] })
    expect([one.client.status, one.exchange.error?.code]).toEqual([503, 'MESH_NO_ENDPOINT'])
    expectOver(one)
  })

  test('that gets no room is what the admission says, and counts no attempt', () => {
    const one = start({ answers: { admissions: [{ admit: () => new MeshError('MESH_OVERFLOW'), ended: boom }] } })
    expect([one.client.status, one.transport.attempts.length, one.exchange.endpoint?.attempts]).toEqual([503, 0, 0])
    expect(one.failures).toEqual([])
    expectOver(one)
  })
})

const phases = ['onRequestHeaders', 'onAttempt', 'onResponseHeaders'] as const

describe.each(phases)('a filter in %s', (phase) => {
  test.each([
    ['replies', () => reply(418, 'tea'), 418, undefined],
    ['replies later', () => Promise.resolve(reply(418, 'tea')), 418, undefined],
    ['throws', boom, 500, 'MESH_FILTER_FAILED'],
    ['rejects', () => Promise.reject(new Error('secret')), 500, 'MESH_FILTER_FAILED'],
    ['throws an error with a code', () => { throw new MeshError('MESH_OVERFLOW', 'secret') }, 503, 'MESH_OVERFLOW'],
    ['returns null', () => null as never, 200, undefined],
    ['returns what is no reply', () => true as never, 500, 'MESH_FILTER_FAILED'],
    ['returns what is no reply, later', () => Promise.resolve({ status: 200 }) as never, 500, 'MESH_FILTER_FAILED'],
    ['returns a reply with a status that is none', () => ({ ...reply(200), status: 42 }), 500, 'MESH_FILTER_FAILED'],
    ['passes it on later', () => Promise.resolve(), 200, undefined],
  ])('that %s: %#', async (_name, call, status, code) => {
    const one = start({ filters: [filter({ [phase]: call })] }, ok)
    await turn()
    expect([one.client.status, one.exchange.error?.code]).toEqual([status, code])
    expectOver(one)
  })

  test('that is still thinking when the client leaves is not heard any more', async () => {
    const thoughts = Promise.withResolvers<undefined>()
    const one = start({ filters: [filter({ [phase]: () => thoughts.promise })] }, (attempt) => attempt.connect().respond(200))
    one.client.abort()
    expect(one.exchange.error?.code).toBe('MESH_CLIENT_CLOSED')
    expectOver(one)
    thoughts.resolve(undefined)
    await turn()
    expect(one.client.events).toEqual(['abort'])
    expect(one.transport.attempts.length).toBe(phase === 'onResponseHeaders' ? 1 : 0)
    expectOver(one)
  })
})

describe('an attempt that fails', () => {
  test.each([
    ['before the connection', refused, 'MESH_CONNECT_FAILED', 502],
    ['before the response', reset, 'MESH_UPSTREAM_CLOSED', 502],
  ])('%s is answered with its code', (_name, play, code, status) => {
    const one = start({}, play)
    expect([one.exchange.error?.code, one.client.status, one.exchange.endpoint?.failures]).toEqual([code, status, 1])
    expectOver(one)
  })

  test('inside the response cuts the client, who must not take it for whole', () => {
    const one = start()
    one.transport.last.connect().respond(200).sink.onData(bytes('half'))
    one.transport.last.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
    expect(one.client.events).toEqual(['head 200', 'abort'])
    expect(one.exchange.error?.code).toBe('MESH_UPSTREAM_CLOSED')
    expectOver(one)
  })

  test('because the transport throws is MESH_PLUGIN_FAILED', () => {
    const one = start({}, boom)
    expect([one.client.status, one.exchange.error?.code]).toEqual([500, 'MESH_PLUGIN_FAILED'])
    expectOver(one)
  })
})

describe('a client that leaves', () => {
  test('before the response ends the attempt', () => {
    const one = start({}, (attempt) => void attempt.connect())
    one.client.abort()
    expect(one.transport.last.events).toContain('abort MESH_CLIENT_CLOSED')
    expect(one.exchange.endpoint?.failures).toBe(0)
    expectOver(one)
  })

  test('inside the response ends the attempt', () => {
    const one = start({}, (attempt) => void attempt.connect().respond(200))
    one.client.abort()
    expect(one.transport.last.events).toContain('abort MESH_CLIENT_CLOSED')
    expectOver(one)
  })

  test('during the second attempt ends that one, which is not the fault of its endpoint', () => {
    const verdicts: (string | undefined)[] = []
    const outlier: OutlierDetector = { ended: (_endpoint, ended) => void verdicts.push(ended.error?.code) }
    const one = start({ hosts: ['a', 'b'], answers: { retry: always, outlier } }, inTurn(reset, (attempt) => void attempt.connect()))
    expect(one.transport.attempts.length).toBe(2)
    one.client.abort()
    expect(one.transport.last.events).toContain('abort MESH_CLIENT_CLOSED')
    expect([one.exchange.error?.code, one.exchange.endpoint?.failures, verdicts]).toEqual(['MESH_CLIENT_CLOSED', 0, ['MESH_UPSTREAM_CLOSED']])
    expectOver(one)
  })

  test('before the end of an answer has reached it is seen to have left', () => {
    const one = start({}, (attempt) => void attempt.connect().respond(200))
    one.client.end = () => {}
    one.transport.last.sink.onEnd(undefined)
    expect([one.completed.length, one.inFlight()]).toEqual([0, 0])
    one.client.abort()
    expect(one.exchange.error?.code).toBe('MESH_CLIENT_CLOSED')
    expectOver(one)
  })
})

describe('a mesh that ends what is left', () => {
  test.each([
    ['before an answer', (attempt: Attempt) => void attempt.connect()],
    ['inside an answer', (attempt: Attempt) => void attempt.connect().respond(200)],
  ])('%s completes it once', (_name, play) => {
    const one = start({}, play)
    one.relay.kill(new MeshError('MESH_DRAINING'))
    expect(one.client.events).toContain('abort')
    expect(one.transport.last.events).toContain('abort MESH_DRAINING')
    expect(one.exchange.error?.code).toBe('MESH_DRAINING')
    expectOver(one)
  })

  test('while a filter thinks completes it once', () => {
    const one = start({ filters: [filter({ onRequestHeaders: () => new Promise(() => {}) })] })
    one.relay.kill(new MeshError('MESH_DRAINING'))
    expectOver(one)
  })
})

describe('law 3: another attempt', () => {
  const post = { method: 'POST' }

  test('is made after a failure, and the client sees its answer', () => {
    const one = start({ answers: { retry: always } }, inTurn(reset, ok))
    expect([one.client.status, one.exchange.attempt, one.exchange.error]).toEqual([200, 2, undefined])
    expectOver(one)
  })

  test('is made after a response that the policy calls a failure; its body goes nowhere', () => {
    const one = start({ answers: { retry: { next: ({ response, attempt }) => (response?.status === 503 && attempt === 1 ? 0 : undefined) } } }, inTurn((attempt) => void attempt.connect().respond(503), ok))
    expect([one.client.status, one.client.body]).toEqual([200, 'ok'])
    expect(one.transport.attempts[0]?.events.some((event) => event.startsWith('abort'))).toBe(true)
    expectOver(one)
  })

  test('that a filter answers itself is no failure, whatever became of the one before', () => {
    const filters = [{ name: 'f', onAttempt: ({ attempt }: Exchange) => (attempt === 2 ? reply(200, 'enough') : undefined) }]
    const one = start({ filters, answers: { retry: always } }, inTurn(reset))
    expect([one.client.body, one.exchange.error, one.service.endpoints.all.map(({ failures }) => failures)]).toEqual(['enough', undefined, [1]])
    expectOver(one)
  })

  test('that one admission refuses is given back to the others as one that was never sent, and not as the one before', () => {
    const ends: unknown[] = []
    const seen: Admission = { admit: () => undefined, ended: ({ attempt, sent, error, response }) => void ends.push([attempt, sent, error?.code, response]) }
    const once: Admission = { admit: ({ attempt }) => (attempt === 1 ? undefined : new MeshError('MESH_OVERFLOW')), ended: () => {} }
    const one = start({ answers: { retry: always, admissions: [seen, once] } }, inTurn(reset))
    expect(ends).toEqual([[1, true, 'MESH_UPSTREAM_CLOSED', undefined], [2, false, undefined, undefined]])
    expect([one.client.status, one.exchange.error?.code]).toEqual([503, 'MESH_OVERFLOW'])
    expectOver(one)
  })

  test('says whether it has been sent', () => {
    const sent: boolean[] = []
    const next = ({ attempt, sent: now }: Exchange): number | undefined => (sent.push(now), attempt < 3 ? 0 : undefined)
    start({ answers: { retry: { next } } }, inTurn(refused, reset, refused))
    expect(sent).toEqual([false, true, false])
  })

  test('is not asked about when there is nothing to complain of', () => {
    const next = vi.fn<() => number>(() => 0)
    const one = start({ answers: { retry: { next } } }, (attempt) => attempt.answer(302))
    expect(next).not.toHaveBeenCalled()
    expectOver(one)
  })

  test('ends with the last failure when the policy has enough', () => {
    const one = start({ answers: { retry: always } }, reset)
    expect([one.client.status, one.transport.attempts.length, one.exchange.error?.code]).toEqual([502, 3, 'MESH_UPSTREAM_CLOSED'])
    expectOver(one)
  })

  test('of a POST is made when no byte of it reached an endpoint', () => {
    const one = start({ request: post, answers: { retry: always } }, inTurn(refused, ok))
    expect([one.client.status, one.exchange.attempt]).toEqual([200, 2])
    expectOver(one)
  })

  test.each([
    ['reset', reset],
    ['a 503', (attempt: Attempt) => attempt.answer(503)],
  ])('of a POST is never made after %s, whatever the policy says', (_name, play) => {
    const next = vi.fn<() => number>(() => 0)
    const one = start({ request: post, answers: { retry: { next } } }, play)
    expect([one.transport.attempts.length, next.mock.calls.length]).toEqual([1, 0])
    expectOver(one)
  })

  test('of a POST whose first attempt was sent is not made after a later failure to connect', () => {
    const one = start({ request: { method: 'PATCH' }, answers: { retry: always } }, inTurn(refused, reset, ok))
    expect([one.transport.attempts.length, one.client.status]).toEqual([2, 502])
    expectOver(one)
  })

  test('is never made once a byte went to the client', () => {
    const next = vi.fn<() => number>(() => 0)
    const one = start({ answers: { retry: { next } } }, (attempt) => void attempt.connect().respond(200))
    one.transport.last.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
    expect([one.transport.attempts.length, next.mock.calls.length]).toEqual([1, 0])
    expectOver(one)
  })

  test('gets the whole body again', () => {
    const one = run({ request: { method: 'PUT' }, body: true, answers: { retry: always } })
    one.transport.play = (attempt) => void attempt.connect()
    proxy(one.relay)
    one.source.feed('hello ')
    one.transport.last.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
    one.source.feed('world')
    one.source.finish()
    expect(one.transport.attempts.map((attempt) => textOf(attempt.chunks))).toEqual(['hello ', 'hello world'])
    one.transport.last.respond(200).sink.onEnd(undefined)
    expectOver(one)
  })

  test('gets a body of exactly as many bytes as are kept, and is not made for one byte more', () => {
    const upload = (text: string): Run => {
      const one = run({ request: { method: 'PUT' }, body: true, answers: { retry: { ...always, replayBytes: 5 } } })
      one.transport.play = (attempt) => void attempt.connect()
      proxy(one.relay)
      one.source.feed(text)
      one.source.finish()
      one.transport.last.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
      return one
    }
    expect(upload('12345').transport.attempts.length).toBe(2)
    const tooLong = upload('123456')
    expect([tooLong.transport.attempts.length, tooLong.client.status]).toEqual([1, 502])
    expectOver(tooLong)
  })

  test('is not made of what is left of a body, if more of it came than is kept while waiting', async () => {
    const thoughts = Promise.withResolvers<undefined>()
    const slow = filter({ onRequestBody: (_exchange, chunk) => (chunk.byteLength > 4 ? thoughts.promise : undefined) })
    const one = run({ request: { method: 'PUT' }, body: true, filters: [slow], answers: { retry: { replayBytes: 4, next: ({ attempt }) => (attempt === 1 ? 1 : undefined) } } })
    one.transport.play = (attempt) => void attempt.connect()
    proxy(one.relay)
    one.source.feed('abc')
    one.source.feed('defghijkl')
    one.transport.last.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
    thoughts.resolve(undefined)
    await vi.waitFor(() => expect(one.client.status).toBe(502), { timeout: 30_000 })
    expect(one.transport.attempts.map((attempt) => textOf(attempt.chunks))).toEqual(['abc', ''])
    expectOver(one)
  })

  test('starts afresh: what an earlier one had begun is forgotten', async () => {
    const first = Promise.withResolvers<undefined>()
    const slow = filter({ onResponseHeaders: ({ attempt }) => (attempt === 1 ? first.promise : undefined) })
    const one = start({ filters: [slow], answers: { retry: always } })
    const [attempt] = one.transport.attempts
    attempt?.connect().respond(200).sink.onData(bytes('old'))
    attempt?.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
    one.transport.last.connect().respond(201).sink.onData(bytes('new'))
    first.resolve(undefined)
    await turn()
    one.transport.last.sink.onEnd(undefined)
    expect([one.client.events, one.client.body]).toEqual([['head 201', 'end'], 'new'])
    expectOver(one)
  })

  test('that becomes a tunnel is no failure', () => {
    const one = start({ request: { upgrade: 'chat' }, answers: { retry: always } }, inTurn(refused, () => {}))
    one.transport.last.connect()
    one.transport.last.sink.onUpgrade(new Response(101, '', new Headers()), new PassThrough())
    one.client.tunnelDone?.(undefined)
    expect([one.exchange.error, one.exchange.endpoint?.failures]).toEqual([undefined, 1])
    expectOver(one)
  })

  test('goes to the end of a policy that never has enough', () => {
    const one = start({ answers: { retry: { next: () => 0 } } }, refused)
    expect(one.client.status).toBe(502)
    expect(one.transport.attempts.length).toBe(100)
    expectOver(one)
  })

  test('is not made by a policy that throws; the failure is told to the mesh', () => {
    const one = start({ answers: { retry: { next: boom } } }, reset)
    expect([one.client.status, one.failures.map((error) => error.code)]).toEqual([502, ['MESH_PLUGIN_FAILED']])
    expectOver(one)
  })

  test.each([Number.NaN, -1, '5' as never, null as never])('is not made for an answer of %s, which is no delay', (delay) => {
    const one = start({ answers: { retry: { next: () => delay } } }, reset)
    expect([one.client.status, one.transport.attempts.length]).toEqual([502, 1])
    expectOver(one)
  })
})

describe('another attempt after a delay', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())
  const later: RetryPolicy = { next: ({ attempt }) => (attempt < 3 ? 250 : undefined) }

  test('is made when the delay is over, not before; nothing is counted meanwhile', () => {
    const one = start({ answers: { retry: later } }, inTurn(reset, ok))
    expect([one.transport.attempts.length, one.inFlight()]).toEqual([1, 0])
    vi.advanceTimersByTime(249)
    expect(one.transport.attempts.length).toBe(1)
    vi.advanceTimersByTime(1)
    expect([one.transport.attempts.length, one.client.status]).toEqual([2, 200])
    expectOver(one)
  })

  test('is not made when the client has left meanwhile', () => {
    const one = start({ answers: { retry: later } }, reset)
    one.client.abort()
    vi.advanceTimersByTime(1000)
    expect([one.transport.attempts.length, one.exchange.error?.code]).toEqual([1, 'MESH_CLIENT_CLOSED'])
    expectOver(one)
  })

  test('is not made when the mesh has ended meanwhile', () => {
    const one = start({ answers: { retry: later } }, reset)
    one.relay.kill(new MeshError('MESH_DRAINING'))
    vi.advanceTimersByTime(1000)
    expect(one.transport.attempts.length).toBe(1)
    expectOver(one)
  })

  test('of more than a timer can hold is waited for all the same', () => {
    const one = start({ answers: { retry: { next: () => 2 ** 40 } } }, reset)
    vi.advanceTimersByTime(1000)
    expect(one.transport.attempts.length).toBe(1)
    one.client.abort()
    expectOver(one)
  })
})
