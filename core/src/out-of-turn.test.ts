// What filters do between their phases: they answer an exchange that is somewhere else.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MeshError } from './errors.ts'
import { proxy } from './proxy.ts'
import type { Filter } from './questions.ts'
import { reply } from './reply.ts'
import { bytes, run, turn, type Attempt, type Run, type RunSetup } from './unit.test.kit.ts'

function start(setup: RunSetup, play: (attempt: Attempt) => void = () => {}): Run {
  const one = run(setup)
  one.transport.play = play
  proxy(one.relay)
  return one
}

function expectOver(one: Run): void {
  expect([one.completed.length, one.inFlight(), one.service.active, one.service.retrying, one.deadlines.size], 'completed, in flight, active, retrying, on the clock').toEqual([1, 0, 0, 0, 0])
}

const teapot = (): ReturnType<typeof reply> => reply(418, 'tea')
const named = (name: string, parts: Partial<Filter> = {}): Filter => ({ name, ...parts })
const stamp = (name: string): Filter => named(name, { onResponseHeaders: ({ response }) => response?.headers.append('x-seen', name) })
const seenBy = ({ client }: Run): string => client.headers.getAll('x-seen').join(', ')

describe('a filter that answers out of turn', () => {
  test('gives the attempt up that is under way, and does not blame its endpoint', async () => {
    const judged: unknown[] = []
    const late = stamp('late')
    const one = start({ filters: [stamp('a'), late, stamp('c')], answers: { outlier: { ended: (endpoint) => void judged.push(endpoint) }, retry: { next: () => 0 } } }, (attempt) => void attempt.connect())
    one.exchange.answer(late, teapot())
    expect(one.client.events).toEqual([])
    await turn()
    expect([one.client.status, one.client.body, seenBy(one), one.exchange.replied]).toEqual([418, 'tea', 'a', true])
    expect([one.transport.last.events, one.transport.attempts.length, judged, one.exchange.endpoint?.failures]).toEqual([['abort MESH_INTERNAL'], 1, [], 0])
    expectOver(one)
    one.transport.last.respond(200).sink.onEnd(undefined)
    expect(one.client.events).toEqual(['head 418', 'end'])
  })

  test('with an error fails it', async () => {
    const late = named('late')
    const one = start({ filters: [stamp('a'), late] }, (attempt) => void attempt.connect())
    one.exchange.answer(late, new MeshError('MESH_RATE_LIMITED', 'secret'))
    await turn()
    expect([one.client.status, one.exchange.error?.code, seenBy(one)]).toEqual([429, 'MESH_RATE_LIMITED', 'a'])
    expect(one.client.body).not.toContain('secret')
    expectOver(one)
  })

  test('with what is neither is MESH_FILTER_FAILED', async () => {
    const late = named('late')
    const one = start({ filters: [late] })
    one.exchange.answer(late, { status: 200 } as never)
    await turn()
    expect([one.client.status, one.exchange.error?.code]).toEqual([500, 'MESH_FILTER_FAILED'])
    expectOver(one)
  })

  test.each(['onRequestHeaders', 'onAttempt', 'onResponseHeaders'] as const)('while another one thinks in %s is not waited for, and nobody behind that one is asked about anything but the answer', async (phase) => {
    const asked: string[] = []
    const thoughts = Promise.withResolvers<undefined>()
    const late = named('late')
    const inFront = named('in front', { [phase]: () => void asked.push('in front') })
    const behind = named('behind', { [phase]: () => void asked.push('behind') })
    const thinking = named('thinking', { [phase]: () => thoughts.promise })
    const filters = [late, inFront, thinking, behind]
    const one = start({ filters: phase === 'onResponseHeaders' ? filters.toReversed() : filters }, (attempt) => void attempt.connect().respond(200))
    one.exchange.answer(late, teapot())
    await turn()
    thoughts.resolve(undefined)
    await turn()
    expect([one.client.events, one.client.status]).toEqual([['head 418', 'end'], 418])
    expect(asked.filter((name) => name === 'behind')).toEqual(phase === 'onResponseHeaders' ? ['behind'] : [])
    expectOver(one)
  })

  test.each([[1], [2]])('from inside of a phase is heard when all phases of that moment have returned (filters: %i)', async (count) => {
    const late = named('late', {
      onRequestHeaders(exchange) {
        exchange.answer(late, teapot())
        exchange.answer(late, reply(500))
      },
    })
    const one = start({ filters: [late, ...Array.from({ length: count }, () => stamp('more'))] }, (attempt) => void attempt.connect())
    await turn()
    expect([one.client.status, one.transport.last.events]).toEqual([418, ['abort MESH_INTERNAL']])
    expectOver(one)
  })

  test('while a request body is coming stops it', async () => {
    const asked: unknown[] = []
    const late = named('late', { onRequestBody: (_exchange, chunk) => void asked.push(chunk.byteLength) })
    const one = start({ body: true, filters: [late] }, (attempt) => void attempt.connect())
    one.source.feed('abc')
    one.exchange.answer(late, teapot())
    await turn()
    one.source.feed('more')
    one.source.finish()
    expect([one.client.status, asked]).toEqual([418, [3]])
    expectOver(one)
  })

  test('between two attempts ends the waiting', async () => {
    const late = named('late')
    const one = start({ filters: [late], answers: { retry: { next: () => 3_600_000 } } }, (attempt) => attempt.sink.onError(new MeshError('MESH_CONNECT_FAILED')))
    one.exchange.answer(late, teapot())
    await turn()
    expect([one.client.status, one.transport.attempts.length]).toEqual([418, 1])
    expectOver(one)
  })

  test('once the head has gone cuts the client', async () => {
    const late = named('late')
    const one = start({ filters: [late] }, (attempt) => attempt.connect().respond(200).sink.onData(bytes('half')))
    one.exchange.answer(late, teapot())
    await turn()
    expect(one.client.events).toEqual(['head 200', 'abort'])
    expectOver(one)
  })

  test('comes too late when all is over, or somebody has answered', async () => {
    const late = named('late')
    const one = start({ filters: [late] }, (attempt) => attempt.answer(200))
    one.exchange.answer(late, teapot())
    const two = start({ filters: [named('first', { onResponseHeaders: () => new Promise<void>((resolve) => setImmediate(resolve)) }), late] }, (attempt) => void attempt.connect())
    two.exchange.answer(late, teapot())
    two.exchange.answer(late, reply(500))
    await turn()
    await turn()
    expect([one.client.events, two.client.events]).toEqual([['head 200', 'end'], ['head 418', 'end']])
    expectOver(one)
    expectOver(two)
  })
})

describe('the deadlines of an exchange that was answered out of turn', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], now: 1_000_000 }))
  afterEach(() => void vi.useRealTimers())

  test('are over, but for that of its client', async () => {
    // The monotonic clock never says 0 in a process that runs; a faked one begins there.
    vi.advanceTimersByTime(1)
    const late = named('late')
    const one = start({ filters: [late], spec: { timeout: { requestMs: 50, responseHeadersMs: 20 } }, client: { responseStallMs: 100 } }, (attempt) => void attempt.connect())
    one.client.end = () => {}
    one.exchange.answer(late, teapot())
    await vi.advanceTimersByTimeAsync(90)
    expect([one.client.events, one.exchange.error]).toEqual([['head 418'], undefined])
    await vi.advanceTimersByTimeAsync(20)
    expect([one.client.events, one.exchange.error?.code]).toEqual([['head 418', 'abort'], 'MESH_RESPONSE_STALLED'])
    expectOver(one)
  })
})
