// What is answered here passes the response phases of the filters in front of whoever answered, and nobody can make it worse.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { proxy } from './proxy.ts'
import type { Filter } from './questions.ts'
import { reply } from './reply.ts'
import { bytes, run, textOf, turn, type Attempt, type Run, type RunSetup } from './unit.test.kit.ts'

/** Writes down that it has seen a response, and leaves a field in it. */
function stamp(name: string, seen: string[] = [], more: Partial<Filter> = {}): Filter {
  return {
    name,
    onResponseHeaders({ response }: Exchange) {
      seen.push(`${name} ${response?.status}`)
      response?.headers.append('x-seen', name)
    },
    ...more,
  }
}

function start(setup: RunSetup = {}, play: (attempt: Attempt) => void = () => {}): Run {
  const one = run(setup)
  one.transport.play = play
  proxy(one.relay)
  return one
}

function expectOver(one: Run): void {
  expect([one.completed.length, one.inFlight(), one.deadlines.size], 'completed, in flight, on the clock').toEqual([1, 0, 0])
  expect(one.client.events.filter((event) => event.startsWith('head'))).toHaveLength(1)
  expect(one.client.body).not.toContain('secret')
}

/** Who has left a field in what the client got. */
function seenBy({ client }: Run): string | undefined {
  return client.headers.getAll('x-seen').join(', ') || undefined
}

const teapot = (): ReturnType<typeof reply> => reply(418, 'tea')
const ok = (attempt: Attempt): void => attempt.answer(200, 'ok')

describe('a reply passes the filters in front of the one that made it, the last of them first', () => {
  test.each(['onRequestHeaders', 'onAttempt', 'onResponseHeaders'] as const)('in %s', (phase) => {
    const seen: string[] = []
    const one = start({ filters: [stamp('a', seen), stamp('b', seen), { name: 'c', [phase]: teapot }, stamp('d', seen)] }, ok)
    expect([one.client.status, one.client.body, seenBy(one)]).toEqual([418, 'tea', 'b, a'])
    expect(seen).toEqual([...(phase === 'onResponseHeaders' ? ['d 200'] : []), 'b 418', 'a 418'])
    expectOver(one)
  })

  test('in a body', async () => {
    const one = start({ body: true, filters: [stamp('a'), { name: 'b', onRequestBody: teapot }, stamp('c')] }, (attempt) => void attempt.connect())
    one.source.feed('x')
    await turn()
    expect([one.client.status, seenBy(one)]).toEqual([418, 'a'])
    expectOver(one)
  })

  test('later', async () => {
    const one = start({ filters: [stamp('a'), { name: 'b', onRequestHeaders: () => Promise.resolve(teapot()) }, stamp('c')] })
    await turn()
    expect(seenBy(one)).toBe('a')
    expectOver(one)
  })

  test('and those that think about it are waited for', async () => {
    const thoughts = Promise.withResolvers<undefined>()
    const one = start({ filters: [stamp('a'), { name: 'b', onResponseHeaders: () => thoughts.promise }, { name: 'c', onRequestHeaders: teapot }] })
    await turn()
    expect(one.client.events).toEqual([])
    thoughts.resolve(undefined)
    await turn()
    expect([one.client.status, seenBy(one)]).toEqual([418, 'a'])
    expectOver(one)
  })

  test('and is told from a response', () => {
    const replied: boolean[] = []
    start({ filters: [{ name: 'a', onResponseHeaders: (exchange) => void replied.push(exchange.replied) }, { name: 'b', onRequestHeaders: teapot }] })
    start({ filters: [{ name: 'a', onResponseHeaders: (exchange) => void replied.push(exchange.replied) }] }, ok)
    expect(replied).toEqual([true, false])
  })

  test('and stays as it was for whoever gets it next', () => {
    const same = reply(403, 'no')
    const setup = { filters: [stamp('a', [], { onResponseBody: (_exchange, chunk) => void chunk.fill(0x78) }), { name: 'b', onRequestHeaders: () => same }] }
    expect([start(setup).client.body, seenBy(start(setup))]).toEqual(['xx', 'a'])
    expect([textOf([same.body]), same.headers.has('x-seen')]).toEqual(['no', false])
  })
})

describe('an error passes the filters', () => {
  test.each<[what: string, status: number, setup: RunSetup, play: (attempt: Attempt) => void]>([
    ['without an endpoint', 503, { hosts: [] }, () => {}],
    ['without room', 503, { answers: { admissions: [{ admit: () => new MeshError('MESH_OVERFLOW'), ended() {} }] } }, () => {}],
    ['of an endpoint', 502, {}, (attempt) => attempt.sink.onError(new MeshError('MESH_CONNECT_FAILED'))],
    ['after another attempt', 502, { answers: { retry: { next: ({ attempt }) => (attempt < 2 ? 0 : undefined) } } }, (attempt) => attempt.connect().sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))],
  ])('%s: all of them', (_what, status, setup, play) => {
    const one = start({ ...setup, filters: [stamp('a'), stamp('b')] }, play)
    expect([one.client.status, seenBy(one), one.client.headers.get('content-type')]).toEqual([status, 'b, a', 'application/problem+json'])
    expectOver(one)
  })

  test('of a route that replies by itself: all of them', () => {
    const one = start({ route: { to: undefined, redirect: { status: 302, path: { full: '/elsewhere' } } } as never, filters: [stamp('a'), stamp('b')] })
    expect([one.client.status, seenBy(one)]).toEqual([302, 'b, a'])
    expectOver(one)
  })

  test('without a route: those of the whole mesh, which have not been asked about the request', () => {
    const one = run({ filters: [stamp('a')] })
    one.relay.fail(new MeshError('MESH_NO_ROUTE'))
    expect([one.client.status, seenBy(one)]).toEqual([404, 'a'])
    expectOver(one)
  })

  test('before it has entered the chain: none', () => {
    const seen: string[] = []
    const one = run({ filters: [stamp('a', seen)] })
    one.relay.fail(new MeshError('MESH_BAD_PATH'))
    expect([one.client.status, seen]).toEqual([400, []])
    expectOver(one)
  })

  test('of one of them: those in front of it', () => {
    const one = start({
      filters: [stamp('a'), { name: 'b', onRequestHeaders: () => { throw new Error('secret') } }, stamp('c')],
    })
    expect([one.client.status, seenBy(one), one.exchange.error?.code]).toEqual([500, 'a', 'MESH_FILTER_FAILED'])
    expectOver(one)
  })

  test('that have already seen a response: none', () => {
    const seen: string[] = []
    const one = run({ filters: [stamp('a', seen)] })
    const head = one.client.head.bind(one.client)
    one.client.head = (status, reason, headers) => status !== 200 && head(status, reason, headers)
    one.transport.play = ok
    proxy(one.relay)
    expect([one.client.status, seen]).toEqual([502, ['a 200']])
    expectOver(one)
  })

  test('that are still thinking about a response: those in front', async () => {
    const seen: string[] = []
    const one = start({ filters: [stamp('a', seen), { name: 'b', onResponseHeaders: () => new Promise(() => {}) }, stamp('c', seen)] }, (attempt) => {
      attempt.connect().respond(200)
      attempt.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
    })
    await turn()
    expect([one.client.status, seen]).toEqual([502, ['c 200', 'a 502']])
    expectOver(one)
  })
})

describe('the body of a reply', () => {
  const upper = (_exchange: Exchange, chunk: Uint8Array): Uint8Array => bytes(textOf([chunk]).toUpperCase())

  test('passes those who change bodies, and has the length that they have made of it', () => {
    const one = start({ filters: [{ name: 'a', onResponseBody: (_exchange, chunk, last) => (last ? bytes('!') : chunk) }, { name: 'b', onResponseBody: upper }, { name: 'c', onRequestHeaders: teapot }, { name: 'd', onResponseBody: () => bytes('never') }] })
    expect([one.client.body, one.client.headers.get('content-length'), one.exchange.responseBytes]).toEqual(['TEA!', '4', 4])
    expectOver(one)
  })

  test('is handed whole to those who want it whole, and waits for them', async () => {
    const one = start({ filters: [{ name: 'a', bufferResponseBytes: 10, onResponseBody: async (exchange, chunk) => upper(exchange, chunk) }, { name: 'b', onRequestHeaders: teapot }] })
    expect(one.client.events).toEqual([])
    await turn()
    expect(one.client.body).toBe('TEA')
    expectOver(one)
  })

  test('can be read before the head is sent, and says its length there', async () => {
    const read: unknown[] = []
    const one = start({
      filters: [
        { name: 'a', async onResponseHeaders({ response }) {
          read.push(response?.headers.get('content-length'), textOf([(await response?.read(3)) ?? bytes('')]), await response?.read(2).catch((error: unknown) => (error as MeshError).code))
        } },
        { name: 'b', onRequestHeaders: teapot },
      ],
    })
    await turn()
    expect(read).toEqual(['3', 'tea', 'MESH_RESPONSE_BUFFER_FULL'])
    expect(one.client.body).toBe('tea')
    expectOver(one)
  })

  test('of a HEAD is shown to nobody', () => {
    const one = start({ request: { method: 'HEAD' }, filters: [{ name: 'a', onResponseBody: () => bytes('never') }, { name: 'b', onRequestHeaders: teapot }] })
    expect([one.client.body, one.client.headers.get('content-length')]).toEqual(['', '3'])
    expectOver(one)
  })
})

describe('a filter in front', () => {
  test('may put another reply in its place, which passes those in front of that filter: once each, whatever they answer', () => {
    const seen: string[] = []
    const page = (name: string, status: number): Filter => stamp(name, seen, { onResponseHeaders: ({ response }) => (seen.push(`${name} ${response?.status}`), reply(status, name)) })
    const one = start({ filters: [page('a', 501), page('b', 502), page('c', 503), { name: 'd', onRequestHeaders: teapot }] })
    expect([one.client.status, one.client.body, seen]).toEqual([501, 'a', ['c 418', 'b 503', 'a 502']])
    expectOver(one)
  })

  test('that fails does not hide the reply, and those in front of it are asked all the same', async () => {
    for (const onResponseHeaders of [() => { throw new Error('secret') }, () => Promise.reject(new Error('secret')), () => true as never]) {
      const one = start({ filters: [stamp('a'), { name: 'b', onResponseHeaders }, { name: 'c', onRequestHeaders: teapot }] })
      await turn()
      expect([one.client.status, one.client.body, seenBy(one), one.exchange.error]).toEqual([418, 'tea', 'a', undefined])
      expect(one.failures.map(({ code, detail }) => [code, detail?.includes('"b"')])).toEqual([['MESH_FILTER_FAILED', true]])
      expectOver(one)
    }
  })

  test('that fails in the body of an error does not hide the error', () => {
    const one = start({
      hosts: [],
      filters: [{ name: 'a', onResponseHeaders: ({ response }) => response?.headers.set('content-encoding', 'gzip'), onResponseBody: () => { throw new Error('secret') } }],
    })
    expect([one.client.status, one.exchange.error?.code, one.client.headers.has('content-encoding')]).toEqual([503, 'MESH_NO_ENDPOINT', false])
    expect(JSON.parse(one.client.body)).toMatchObject({ code: 'MESH_NO_ENDPOINT' })
    expect(one.failures).toHaveLength(1)
    expectOver(one)
  })

  test('whose client leaves while it thinks completes the exchange once, and no other is asked', async () => {
    const seen: string[] = []
    const thoughts = Promise.withResolvers<undefined>()
    const one = start({ filters: [stamp('a', seen), { name: 'b', onResponseHeaders: () => thoughts.promise }, { name: 'c', onRequestHeaders: teapot }] })
    one.client.abort()
    thoughts.resolve(undefined)
    await turn()
    expect([one.client.events, seen, one.completed.length]).toEqual([['abort'], [], 1])
  })

  test('that thinks about it while the body still comes is not disturbed by it', async () => {
    const asked: string[] = []
    const thoughts = Promise.withResolvers<undefined>()
    const one = start(
      {
        body: true,
        filters: [
          { name: 'a', onResponseHeaders: () => thoughts.promise },
          { name: 'b', onRequestBody: (_exchange, chunk) => (asked.push(textOf([chunk])), textOf([chunk]) === 'bad' ? teapot() : undefined) },
        ],
      },
      (attempt) => void attempt.connect(),
    )
    one.source.feed('bad')
    one.source.feed('more')
    await turn()
    expect([asked, one.client.events, one.inFlight()]).toEqual([['bad'], [], 0])
    thoughts.resolve(undefined)
    await turn()
    expect([one.client.status, one.client.body]).toEqual([418, 'tea'])
    one.source.finish()
    expectOver(one)
  })
})

describe('a filter that takes too long over a reply', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], now: 1_000_000 }))
  afterEach(() => void vi.useRealTimers())
  const never = (): Promise<never> => new Promise(() => {})

  test.each([['head', { onResponseHeaders: never }, 'a'], ['body', { onResponseBody: never }, undefined]])('in its %s is left out', async (_phase, slow, seen) => {
    // The monotonic clock never says 0 in a process that runs; a faked one begins there.
    vi.advanceTimersByTime(1)
    const one = start({ client: { filterMs: 100 }, filters: [stamp('a'), { name: 'b', ...slow }, { name: 'c', onRequestHeaders: teapot }] })
    await vi.advanceTimersByTimeAsync(98)
    expect(one.client.events).toEqual([])
    await vi.advanceTimersByTimeAsync(3)
    expect([one.client.status, one.client.body, seenBy(one)]).toEqual([418, 'tea', seen])
    expect(one.failures.map(({ code }) => code)).toEqual(['MESH_FILTER_TIMEOUT'])
    expectOver(one)
  })

  test('of a request fails it with an error that passes those in front', async () => {
    vi.advanceTimersByTime(1)
    const one = start({ client: { filterMs: 100 }, filters: [stamp('a'), { name: 'b', onRequestHeaders: never }, stamp('c')] })
    await vi.advanceTimersByTimeAsync(101)
    expect([one.client.status, seenBy(one)]).toEqual([504, 'a'])
    expectOver(one)
  })
})
