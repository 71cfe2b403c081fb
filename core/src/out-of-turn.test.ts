// What filters do between their phases: they answer an exchange that is somewhere else, and let bytes go that they have kept.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MeshError } from './errors.ts'
import { proxy } from './proxy.ts'
import type { Awaitable, Filter } from './questions.ts'
import { reply } from './reply.ts'
import { bytes, run, textOf, turn, type Attempt, type Run, type RunSetup } from './unit.test.kit.ts'

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

/** Keeps what comes until it is opened; then, and at the end, everything leaves. */
class Gate implements Filter {
  readonly name = 'gate'
  readonly calls: string[] = []
  open = false
  /** How it answers: at once, or later. */
  answer: (bytes: Uint8Array) => Awaitable<Uint8Array> = (all) => all
  #kept: Uint8Array[] = []

  onRequestBody(_exchange: unknown, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array> {
    return this.#take(chunk, last)
  }

  onResponseBody(_exchange: unknown, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array> {
    return this.#take(chunk, last)
  }

  #take(chunk: Uint8Array, last: boolean): Awaitable<Uint8Array> {
    this.calls.push(`${textOf([chunk])}${last ? '.' : ''}`)
    this.#kept.push(chunk)
    return this.answer(this.open || last ? Buffer.concat(this.#kept.splice(0)) : new Uint8Array(0))
  }
}

const responding = (attempt: Attempt): void => void attempt.connect().respond(200)
const upper = named('upper', {
  onRequestBody: (_exchange, chunk) => bytes(textOf([chunk]).toUpperCase()),
  onResponseBody: (_exchange, chunk) => bytes(textOf([chunk]).toUpperCase()),
})

describe('a filter that lets go of what it has kept of a response', () => {
  test('sends it before the next chunk, through the filters behind it, once for however often it asks', async () => {
    const gate = new Gate()
    const one = start({ filters: [upper, gate] }, responding)
    one.transport.last.sink.onData(bytes('ab'))
    gate.open = true
    one.exchange.wake(gate, 'response')
    one.exchange.wake(gate, 'response')
    one.exchange.wake(gate, 'request')
    expect(one.client.body).toBe('')
    await turn()
    expect([one.client.body, gate.calls]).toEqual(['AB', ['ab', '']])
    one.transport.last.sink.onData(bytes('cd'))
    one.transport.last.sink.onEnd(undefined)
    expect([one.client.body, gate.calls, one.exchange.responseBytes]).toEqual(['ABCD', ['ab', '', 'cd', '.'], 4])
    expectOver(one)
  })

  test('is not called while the client takes no more, but as soon as it does', async () => {
    const gate = new Gate()
    const one = start({ filters: [gate] }, responding)
    gate.open = true
    one.client.takesMore = false
    one.transport.last.sink.onData(bytes('ab'))
    one.exchange.wake(gate, 'response')
    await turn()
    expect(gate.calls).toEqual(['ab'])
    one.client.takesMore = true
    one.relay.drained()
    expect(gate.calls).toEqual(['ab', ''])
  })

  test('may think about it: what comes meanwhile keeps its order, and the endpoint is stopped', async () => {
    const gate = new Gate()
    const thoughts = Promise.withResolvers<void>()
    const one = start({ filters: [gate] }, responding)
    one.transport.last.sink.onData(bytes('ab'))
    gate.open = true
    gate.answer = async (all) => thoughts.promise.then(() => all)
    one.exchange.wake(gate, 'response')
    await turn()
    one.transport.last.sink.onData(bytes('cd'))
    one.exchange.wake(gate, 'response')
    one.transport.last.sink.onEnd(undefined)
    await turn()
    expect([one.client.body, gate.calls, one.transport.last.events]).toEqual(['', ['ab', ''], ['pause']])
    thoughts.resolve()
    await turn()
    await turn()
    expect([one.client.body, gate.calls.at(-1)]).toEqual(['abcd', '.'])
    expectOver(one)
  })

  test('is not called before the first chunk, nor when the last one has come, nor when the client has gone', async () => {
    const gate = new Gate()
    const early = start({ filters: [gate] }, (attempt) => void attempt.connect())
    early.exchange.wake(gate, 'response')
    await turn()
    const late = start({ filters: [gate] }, (attempt) => attempt.answer(200))
    late.exchange.wake(gate, 'response')
    const gone = start({ filters: [gate] }, responding)
    gone.exchange.wake(gate, 'response')
    gone.client.abort()
    await turn()
    expect(gate.calls).toEqual(['.'])
  })

  test('is not called from inside of its own phase', async () => {
    const calls: number[] = []
    let depth = 0
    const eager = named('eager', {
      onResponseBody(exchange, chunk) {
        calls.push(++depth)
        if (chunk.byteLength > 0) exchange.wake(eager, 'response')
        depth--
      },
    })
    const one = start({ filters: [eager] }, responding)
    one.transport.last.sink.onData(bytes('ab'))
    await turn()
    expect([calls, one.client.body]).toEqual([[1, 1], 'ab'])
  })

  test('that fails then cuts the client', async () => {
    const failing = named('failing', {
      onResponseBody: (_exchange, chunk) => {
        if (chunk.byteLength === 0) throw new Error('secret')
      },
    })
    const one = start({ filters: [failing] }, responding)
    one.transport.last.sink.onData(bytes('ab'))
    one.exchange.wake(failing, 'response')
    await turn()
    expect([one.client.events, one.exchange.error?.code]).toEqual([['head 200', 'abort'], 'MESH_FILTER_FAILED'])
    expectOver(one)
  })

  test('and wants it whole is called once all the same', async () => {
    const calls: boolean[] = []
    const whole = named('whole', { bufferResponseBytes: 100, onResponseBody: (_exchange, _chunk, last) => void calls.push(last) })
    const one = start({ filters: [whole] }, responding)
    one.transport.last.sink.onData(bytes('ab'))
    one.exchange.wake(whole, 'response')
    await turn()
    one.transport.last.sink.onEnd(undefined)
    expect([calls, one.client.body]).toEqual([[true], 'ab'])
    expectOver(one)
  })
})

describe('a filter that lets go of what it has kept of a request', () => {
  test('sends it before the next chunk, and may answer instead', async () => {
    const gate = new Gate()
    let refuses = false
    const refusing = named('refusing', { onRequestBody: () => (refuses ? teapot() : undefined) })
    const one = start({ body: true, filters: [gate, upper, refusing] }, (attempt) => void attempt.connect())
    one.source.feed('ab')
    gate.open = true
    one.exchange.wake(gate, 'request')
    await turn()
    expect(textOf(one.transport.last.chunks)).toBe('AB')
    refuses = true
    one.exchange.wake(refusing, 'request')
    await turn()
    expect([one.client.status, one.client.body]).toEqual([418, 'TEA'])
    one.source.finish()
    expectOver(one)
  })

  test('of which another attempt is made is called when there is somebody to take it, and nothing is lost', async () => {
    const gate = new Gate()
    const retry = { next: ({ attempt }: { attempt: number }) => (attempt < 2 ? 0 : undefined) }
    const one = start({ body: true, request: { method: 'PUT' }, filters: [gate], answers: { retry } }, (attempt) => {
      if (attempt.exchange.attempt === 1) attempt.connect()
    })
    one.source.feed('ab')
    one.transport.last.sink.onError(new MeshError('MESH_UPSTREAM_CLOSED'))
    gate.open = true
    one.exchange.wake(gate, 'request')
    await turn()
    expect(gate.calls).toEqual(['ab'])
    one.transport.last.connect()
    expect([one.transport.attempts.length, textOf(one.transport.last.chunks), gate.calls]).toEqual([2, 'ab', ['ab', '']])
    one.source.feed('cd')
    one.source.finish()
    expect(textOf(one.transport.last.chunks)).toBe('abcd')
    one.transport.last.respond(200).sink.onEnd(undefined)
    expectOver(one)
  })

  test('is not called while the endpoint takes no more, but as soon as it does', async () => {
    const gate = new Gate()
    gate.open = true
    const sent: Uint8Array[] = []
    const one = start({ body: true, filters: [gate] }, ({ sink, exchange }) => {
      sink.onSent()
      exchange.body?.sendTo({ write: (chunk) => (sent.push(chunk), false), end() {}, abort() {} })
    })
    one.source.feed('ab')
    one.exchange.wake(gate, 'request')
    await turn()
    expect(gate.calls).toEqual(['ab'])
    one.exchange.body?.resume()
    expect(gate.calls).toEqual(['ab', ''])
  })
})

test('of two filters that have kept something the one that is nearer to the end is asked first', async () => {
  const [outer, inner] = [new Gate(), new Gate()]
  const one = start({ filters: [outer, inner] }, responding)
  inner.open = true
  one.transport.last.sink.onData(bytes('ab'))
  inner.open = false
  one.transport.last.sink.onData(bytes('cd'))
  inner.open = outer.open = true
  one.exchange.wake(inner, 'response')
  one.exchange.wake(outer, 'response')
  await turn()
  expect([one.client.body, outer.calls]).toEqual(['abcd', ['ab', '', 'cd']])
})
