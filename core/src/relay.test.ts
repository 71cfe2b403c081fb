// One exchange under way: backpressure both ways, every wait with an end, and heads that may not have a body.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { Headers } from './headers.ts'
import { proxy } from './proxy.ts'
import { reply } from './reply.ts'
import { bytes, run, turn, type Run, type RunSetup } from './unit.test.kit.ts'

function start(setup: RunSetup = {}): Run {
  const one = run(setup)
  proxy(one.relay)
  return one
}

describe('a request', () => {
  test('enters the chain when it starts, and not when its client has gone by then', () => {
    const asked: string[] = []
    const setup: RunSetup = { filters: [{ name: 'f', onRequestHeaders: () => void asked.push('asked') }] }
    const [here, gone] = [run(setup), run(setup)]
    here.relay.start()
    gone.relay.closed(false)
    gone.relay.start()
    expect([asked, gone.exchange.error?.code, gone.completed.length, gone.inFlight()]).toEqual([['asked'], 'MESH_CLIENT_CLOSED', 1, 0])
  })

  test('that a mistake of the mesh keeps from starting is a 500, and throws nothing', () => {
    const one = run()
    one.exchange.route = {
      reply: () => {
        throw new TypeError('a mistake')
      },
    } as unknown as NonNullable<Exchange['route']>
    one.relay.start()
    expect([one.client.events[0], one.exchange.error?.code, one.client.body.includes('a mistake'), one.completed.length]).toEqual(['head 500', 'MESH_INTERNAL', false, 1])
  })
})

describe('a response', () => {
  test('stops its endpoint while the client wants no more, and starts it again', () => {
    const one = start()
    const attempt = one.transport.last.connect().respond(200)
    one.client.takesMore = false
    attempt.sink.onData(bytes('a'))
    expect(attempt.events).toEqual(['pause'])
    one.client.takesMore = true
    one.relay.drained()
    expect(attempt.events).toEqual(['pause', 'resume'])
  })

  test('that comes while the filters still think about its head is kept until they have done so', async () => {
    const thoughts = Promise.withResolvers<undefined>()
    const one = start({ filters: [{ name: 'slow', onResponseHeaders: () => thoughts.promise }] })
    const attempt = one.transport.last.connect().respond(200)
    attempt.sink.onData(bytes('a'))
    attempt.sink.onData(bytes('b'))
    attempt.sink.onEnd(new Headers(['x-sum', '1']))
    expect([attempt.events, one.client.events]).toEqual([['pause'], []])
    thoughts.resolve(undefined)
    await turn()
    expect([one.client.events, one.client.body, one.client.trailers?.get('x-sum')]).toEqual([['head 200', 'end'], 'ab', '1'])
  })

  test('loses its Content-Length where a filter may change its body, and only there', () => {
    const length = (filters: RunSetup['filters']): string | undefined => {
      const one = start(filters === undefined ? {} : { filters })
      one.transport.last.connect().respond(200, ['content-length', '2'])
      return one.client.headers.get('content-length')
    }
    expect([length(undefined), length([{ name: 'f', onResponseBody: () => {} }])]).toEqual(['2', undefined])
  })

  test.each([['HEAD', 200], ['GET', 204], ['GET', 304]])('to a %s with %i is not shown to body filters, and keeps its Content-Length', (method, status) => {
    let asked = 0
    const one = start({ request: { method }, filters: [{ name: 'f', onResponseBody: () => void asked++ }] })
    one.transport.last.connect().respond(status, ['content-length', '5']).sink.onEnd(undefined)
    expect([asked, one.client.headers.get('content-length'), one.client.events]).toEqual([0, '5', [`head ${status}`, 'end']])
  })

  test('that is interim is passed on, and the exchange goes on', () => {
    const one = start()
    one.transport.last.connect().sink.onInform(103, new Headers())
    one.transport.last.respond(200).sink.onEnd(undefined)
    expect(one.client.events).toEqual(['inform 103', 'head 200', 'end'])
  })

  test('whose head cannot be written is a MESH_UPSTREAM_PROTOCOL of 502', () => {
    const one = run()
    const heads: number[] = []
    one.client.head = (status, _reason, headers) => {
      heads.push(status)
      one.client.headers = headers
      return status !== 200
    }
    proxy(one.relay)
    one.transport.last.connect().respond(200)
    expect([heads, one.exchange.error?.code, one.completed.length]).toEqual([[200, 502], 'MESH_UPSTREAM_PROTOCOL', 1])
  })

  test('that breaks off while a body filter thinks is cut, once', async () => {
    const one = start({ filters: [{ name: 'slow', onResponseBody: () => new Promise(() => {}) }] })
    const attempt = one.transport.last.connect().respond(200)
    attempt.sink.onData(bytes('a'))
    expect(attempt.events).toEqual(['pause'])
    attempt.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
    await turn()
    expect([one.client.events, one.completed.length, one.inFlight()]).toEqual([['head 200', 'abort'], 1, 0])
  })

  test('measures how long its endpoint took', () => {
    const one = start()
    one.transport.last.connect().respond(200)
    const { attemptMs, headersMs, endpoint } = one.exchange
    expect([headersMs >= attemptMs, endpoint?.lastLatencyMs]).toEqual([true, headersMs - attemptMs])
  })
})

describe('a reply', () => {
  test.each([['GET', 200, 'text', '4'], ['HEAD', 200, '', '4'], ['GET', 204, '', undefined], ['GET', 304, '', undefined]])('to a %s with %i sends %j and says %s', (method, status, body, length) => {
    const one = start({ request: { method }, filters: [{ name: 'f', onRequestHeaders: () => reply(status, 'text') }] })
    expect([one.client.body, one.client.headers.get('content-length')]).toEqual([body, length])
  })

  test('whose fields cannot be written is a 500, and nothing else is written', () => {
    const one = run({ filters: [{ name: 'f', onRequestHeaders: () => reply(200, 'x', { 'x-bad': 'a' }) }] })
    one.client.head = (_status, _reason, headers) => {
      one.client.headers = headers
      return !headers.has('x-bad')
    }
    proxy(one.relay)
    expect([one.exchange.error?.code, one.exchange.response?.status, one.client.body.includes('MESH_FILTER_FAILED'), one.completed.length]).toEqual(['MESH_FILTER_FAILED', 500, true, 1])
  })

  test('is not changed by what the mesh adds to it: the same one can be given to every request', () => {
    const fixed = reply(403, 'no')
    for (let i = 0; i < 2; i++) start({ filters: [{ name: 'f', onRequestHeaders: () => fixed }] })
    expect([...fixed.headers]).toEqual([['content-type', 'text/plain; charset=utf-8']])
  })

  test('while a body is still coming throws the rest of it away', () => {
    const one = run({ body: true, request: { method: 'POST' } })
    one.transport.play = (attempt) => void attempt.connect()
    proxy(one.relay)
    one.source.feed('a')
    one.transport.last.respond(413).sink.onEnd(undefined)
    one.source.feed('b'.repeat(300_000))
    expect(one.completed.length).toBe(1)
    expect(one.client.events).toEqual(['head 413', 'end', 'abort'])
  })
})

describe('a wait', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], now: 1_000_000 }))
  afterEach(() => void vi.useRealTimers())

  const pass = (ms: number): void => void vi.advanceTimersByTime(ms)
  // The monotonic clock never says 0 in a process that runs; a faked one begins there.
  beforeEach(() => pass(1))

  test('for a transport that says nothing ends with MESH_CONNECT_TIMEOUT when it has had time to queue and to connect, and the attempt is given up', () => {
    const one = start({ spec: { timeout: { connectMs: 60, pendingMs: 40 } } })
    pass(99)
    expect(one.client.status).toBe(0)
    pass(2)
    expect([one.client.status, one.exchange.error?.code, one.transport.last.events, one.completed.length]).toEqual([504, 'MESH_CONNECT_TIMEOUT', ['abort MESH_CONNECT_TIMEOUT'], 1])
  })

  test('for the response head ends with MESH_RESPONSE_HEADERS_TIMEOUT, counted from the end of the request', () => {
    const one = run({ body: true, request: { method: 'PUT' }, spec: { timeout: { responseHeadersMs: 100 } } })
    one.transport.play = (attempt) => void attempt.connect()
    proxy(one.relay)
    pass(500)
    one.source.feed('slow upload')
    one.source.finish()
    pass(99)
    expect(one.client.status).toBe(0)
    pass(2)
    expect([one.client.status, one.exchange.error?.code]).toEqual([504, 'MESH_RESPONSE_HEADERS_TIMEOUT'])
  })

  test('between two chunks of a response ends with MESH_RESPONSE_IDLE_TIMEOUT', () => {
    const one = start({ spec: { timeout: { responseIdleMs: 100 } } })
    const attempt = one.transport.last.connect().respond(200)
    for (let i = 0; i < 5; i++) {
      pass(90)
      attempt.sink.onData(bytes('a'))
    }
    expect(one.client.events).toEqual(['head 200'])
    pass(101)
    expect([one.client.events, one.exchange.error?.code]).toEqual([['head 200', 'abort'], 'MESH_RESPONSE_IDLE_TIMEOUT'])
  })

  test('for the endpoint is not running while the client is the slow one', () => {
    const one = start({ spec: { timeout: { responseIdleMs: 100 } } })
    const attempt = one.transport.last.connect().respond(200)
    one.client.takesMore = false
    attempt.sink.onData(bytes('a'))
    pass(10_000)
    expect(one.client.events).toEqual(['head 200'])
    one.relay.drained()
    pass(101)
    expect(one.exchange.error?.code).toBe('MESH_RESPONSE_IDLE_TIMEOUT')
  })

  test('for a client that does not read ends with MESH_RESPONSE_STALLED', () => {
    const one = start({ client: { responseStallMs: 100 } })
    const attempt = one.transport.last.connect().respond(200)
    one.client.takesMore = false
    attempt.sink.onData(bytes('a'))
    pass(101)
    expect([one.client.events, one.exchange.error?.code, attempt.events.at(-1), one.completed.length]).toEqual([['head 200', 'abort'], 'MESH_RESPONSE_STALLED', 'abort MESH_RESPONSE_STALLED', 1])
    expect(one.exchange.endpoint?.failures).toBe(0)
  })

  test('for the last bytes to reach a client that does not read has an end too', () => {
    const one = start({ client: { responseStallMs: 100 } })
    one.client.end = () => {}
    one.transport.last.answer(200)
    pass(101)
    expect([one.client.events, one.exchange.error?.code, one.completed.length]).toEqual([['head 200', 'abort'], 'MESH_RESPONSE_STALLED', 1])
  })

  test('for a request body ends with MESH_REQUEST_BODY_TIMEOUT, and the connection is not used again', () => {
    const one = run({ body: true, request: { method: 'PUT' }, client: { requestBodyIdleMs: 100 } })
    one.transport.play = (attempt) => void attempt.connect()
    proxy(one.relay)
    pass(90)
    one.source.feed('a')
    pass(90)
    expect(one.client.status).toBe(0)
    pass(11)
    expect([one.client.events, one.client.status, one.exchange.error?.code]).toEqual([['closeAfter', 'head 408', 'end'], 408, 'MESH_REQUEST_BODY_TIMEOUT'])
    expect([one.transport.last.events, one.exchange.endpoint?.failures]).toEqual([['abort MESH_REQUEST_BODY_TIMEOUT'], 0])
  })

  test('for the whole exchange ends with MESH_REQUEST_TIMEOUT, also in a further attempt', () => {
    const one = start({ spec: { timeout: { requestMs: 100 } }, answers: { retry: { next: () => 90 } } })
    one.transport.last.sink.onError(new MeshError('MESH_CONNECT_FAILED'))
    pass(101)
    expect([one.client.status, one.exchange.error?.code]).toEqual([504, 'MESH_REQUEST_TIMEOUT'])
    pass(10_000)
    expect([one.transport.attempts.length, one.completed.length]).toEqual([2, 1])
  })

  test('before another attempt that would begin after the deadline is not begun: the client hears at once why this one failed', () => {
    const one = start({ spec: { timeout: { requestMs: 100 } }, answers: { retry: { next: () => 100 } } })
    one.transport.last.sink.onError(new MeshError('MESH_CONNECT_FAILED'))
    expect([one.client.status, one.exchange.error?.code, one.completed.length]).toEqual([502, 'MESH_CONNECT_FAILED', 1])
  })

  test('for one attempt ends it with MESH_ATTEMPT_TIMEOUT, and another one has its own time', () => {
    const retry = { attemptTimeoutMs: 100, next: (exchange: Exchange) => (exchange.attempt < 2 ? 0 : undefined) }
    const one = start({ answers: { retry } })
    pass(101)
    expect([one.transport.attempts.length, one.transport.attempts[0]?.events]).toEqual([2, ['abort MESH_ATTEMPT_TIMEOUT']])
    pass(90)
    expect(one.completed.length).toBe(0)
    pass(11)
    expect([one.client.status, one.exchange.error?.code]).toEqual([504, 'MESH_ATTEMPT_TIMEOUT'])
  })

  test('for one attempt is over when its response head is there', () => {
    const one = start({ answers: { retry: { attemptTimeoutMs: 100, next: () => undefined } } })
    one.transport.last.answer(200)
    pass(1000)
    expect([one.client.status, one.exchange.error]).toEqual([200, undefined])
  })

  test('has no deadline but the one that a filter has set', () => {
    const one = start({ filters: [{ name: 'hasty', onRequestHeaders: (exchange) => void (exchange.deadlineMs = exchange.startedMs + 50) }], spec: { timeout: { requestMs: 100 } } })
    pass(51)
    expect([one.client.status, one.exchange.error?.code, one.service.endpoints.all[0]?.failures]).toEqual([504, 'MESH_DEADLINE_EXCEEDED', 0])
  })

  test('for a filter that is more patient than the service is as long as the service says', () => {
    const one = start({ filters: [{ name: 'patient', onRequestHeaders: (exchange) => void (exchange.deadlineMs = exchange.startedMs + 500) }], spec: { timeout: { requestMs: 100 } } })
    pass(101)
    expect([one.client.status, one.exchange.error?.code, one.service.endpoints.all[0]?.failures]).toEqual([504, 'MESH_REQUEST_TIMEOUT', 1])
  })

  test('for the whole exchange cuts a response that is still coming', () => {
    const one = start({ spec: { timeout: { requestMs: 100 } } })
    one.transport.last.connect().respond(200)
    pass(101)
    expect([one.client.events, one.exchange.error?.code]).toEqual([['head 200', 'abort'], 'MESH_REQUEST_TIMEOUT'])
  })

  test('of one attempt does not go on in the next', () => {
    const one = start({ spec: { timeout: { connectMs: 60, pendingMs: 40 } }, answers: { retry: { next: ({ attempt }) => (attempt === 1 ? 0 : undefined) } } })
    pass(90)
    one.transport.last.sink.onError(new MeshError('MESH_CONNECT_FAILED'))
    pass(90)
    expect([one.client.status, one.transport.attempts.length]).toEqual([0, 2])
    pass(11)
    expect(one.exchange.error?.code).toBe('MESH_CONNECT_TIMEOUT')
  })

  test('before another attempt ends when the client has gone', () => {
    const one = start({ answers: { retry: { next: () => 300_000 } } })
    one.transport.last.sink.onError(new MeshError('MESH_CONNECT_FAILED'))
    const waiting = vi.getTimerCount()
    one.relay.closed(false)
    expect([one.completed.length, waiting - vi.getTimerCount()]).toEqual([1, 1])
  })

  test('leaves nothing on the clock once the exchange is over', () => {
    const one = start({ spec: { timeout: { requestMs: 100, connectMs: 100 } } })
    one.transport.last.answer(200)
    pass(1000)
    expect([one.deadlines.size, one.completed.length, one.exchange.error]).toEqual([0, 1, undefined])
  })
})
