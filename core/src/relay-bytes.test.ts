// Whose bytes are they? What a relay keeps of a response, and what it says of the rest.
import { expect, test } from 'vitest'
import { Headers } from './headers.ts'
import { proxy } from './proxy.ts'
import { bytes, run, textOf, type Run, type RunSetup } from './unit.test.kit.ts'

/** An exchange whose attempt is under way, with a response head if a filter does not hold it back. */
function begun(setup: RunSetup = {}): Run {
  const one = run(setup)
  proxy(one.relay)
  one.transport.last.connect().respond(200)
  return one
}

/** What a transport does with its memory: writes the next bytes over the last. */
function overwrite(memory: Uint8Array): void {
  memory.fill(0x2a)
}

test('bytes that the client has taken are no longer needed', () => {
  const { client, transport } = begun()
  transport.last.sink.onData(bytes('hello'))
  expect(transport.last.sink.onFlush()).toBe(true)
  expect(client.body).toBe('hello')
  expect(transport.last.events).toEqual([])
})

test('bytes that wait for the client are needed until the flow goes on', () => {
  const { client, transport, relay } = begun()
  const { sink, events } = transport.last
  client.takesMore = false
  sink.onData(bytes('hello'))
  expect([sink.onFlush(), events.includes('pause'), events.includes('resume')]).toEqual([false, true, false])
  client.takesMore = true
  relay.drained()
  expect([sink.onFlush(), events.at(-1)]).toEqual([true, 'resume'])
})

test('the last bytes are still needed when the response is over and the client has not taken them', () => {
  const { client, transport } = begun()
  const { sink } = transport.last
  client.end = () => {}
  client.takesMore = false
  sink.onData(bytes('hello'))
  sink.onEnd(undefined)
  expect(sink.onFlush()).toBe(false)
})

test('bytes that come while a filter thinks about the head are copied', async () => {
  let decide: () => void = () => {}
  const { client, transport } = begun({ filters: [{ name: 'slow', onResponseHeaders: () => new Promise<void>((resolve) => (decide = resolve)) }] })
  const { sink } = transport.last
  const memory = bytes('hello')
  sink.onData(memory)
  expect(sink.onFlush()).toBe(true)
  overwrite(memory)
  decide()
  await new Promise((resolve) => setImmediate(resolve))
  expect(client.body).toBe('hello')
})

test('a filter may keep what it is given', () => {
  const kept: Uint8Array[] = []
  const { transport } = begun({ filters: [{ name: 'keeps', onResponseBody: (_exchange, chunk) => void kept.push(chunk) }] })
  const memory = bytes('hello')
  transport.last.sink.onData(memory)
  overwrite(memory)
  expect(textOf(kept)).toBe('hello')
})

test('a body that a filter asks for when more of it is there than it wants is refused', async () => {
  let decide: () => void = () => {}
  const seen: unknown[] = []
  const { transport } = begun({
    filters: [
      {
        name: 'late',
        async onResponseHeaders({ response }) {
          await new Promise<void>((resolve) => (decide = resolve))
          await response?.read(4).catch((thrown: unknown) => seen.push((thrown as { code: string }).code))
        },
      },
    ],
  })
  transport.last.sink.onData(bytes('hello'))
  transport.last.sink.onEnd(undefined)
  decide()
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen).toEqual(['MESH_RESPONSE_BUFFER_FULL'])
})

test('a body that a filter reads ahead decides the head, and goes its way with the trailers that the filter has set', async () => {
  const { client, transport } = begun({
    filters: [
      {
        name: 'reads',
        async onResponseHeaders({ response }) {
          if (response === undefined) return
          const [first, second] = await Promise.all([response.read(100), response.read(1)])
          response.status = textOf([first]) === 'hello' && first === second ? 203 : 500
          response.trailers?.set('x-t', 'changed')
        },
      },
    ],
  })
  const { sink, events } = transport.last
  sink.onData(bytes('hel'))
  sink.onData(bytes('lo'))
  expect([client.status, events.includes('pause')]).toEqual([0, false])
  sink.onEnd(Headers.from({ 'x-t': 'as it came' }))
  await new Promise((resolve) => setImmediate(resolve))
  expect([client.status, client.body, client.trailers?.get('x-t')]).toEqual([203, 'hello', 'changed'])
})

test('the body of a response whose head has gone cannot be read ahead', async () => {
  const { exchange } = begun()
  await expect(exchange.response?.read(10)).rejects.toThrow('when its head had gone')
})
