// A registry on another machine: its answers, its silence, its end and its lies, over real sockets.
import { Metrics, type EndpointSpec } from '@meshwright/core'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RemoteWatch, type RemoteOptions } from './remote.ts'
import { eventually } from './run.test.kit.ts'

/** A registry that says what the test says. */
class PlayedRegistry {
  readonly asked: IncomingMessage[] = []
  readonly open = new Set<ServerResponse>()
  /** Called for each watcher; default: the stream is opened and the newest event sent. */
  play: (response: ServerResponse, request: IncomingMessage) => void = (response) => this.stream(response).write(this.newest)
  newest = ''
  port = 0
  #server: Server | undefined

  async start(): Promise<this> {
    const server = createServer((request, response) => {
      this.asked.push(request)
      this.open.add(response)
      response.on('close', () => this.open.delete(response))
      this.play(response, request)
    }).listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port
    this.#server = server
    onTestFinished(() => this.stop())
    return this
  }

  stop(): void {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }

  stream(response: ServerResponse): ServerResponse {
    return response.writeHead(200, { 'content-type': 'text/event-stream' })
  }

  send(text: string): void {
    this.newest = text
    for (const response of this.open) response.write(text)
  }
}

interface Says {
  readonly registry?: string
  readonly service?: string
  readonly settled?: boolean
  readonly revision?: number
  readonly instances?: unknown
}

/** An event with hosts, which are all at port 80. */
function event(hosts: string, more: Says = {}): string {
  const instances = hosts.split(' ').filter(Boolean).map((host) => ({ service: 'catalog', address: `${host}:80` }))
  return `event: instances\nid: ${hosts}\ndata: ${JSON.stringify({ registry: 'one', service: 'catalog', settled: true, revision: 1, instances, ...more })}\n\n`
}

interface Watched {
  readonly sets: string[]
  readonly told: string[]
  readonly metrics: Metrics
  readonly watch: RemoteWatch
}

async function watch(registry: PlayedRegistry, options: Partial<RemoteOptions> = {}): Promise<Watched> {
  const sets: string[] = []
  const told: string[] = []
  const metrics = new Metrics()
  const tell = (level: string) => (details: object, text: string) => void told.push(`${level}: ${text}: ${(details as { reason?: string }).reason ?? ''}`)
  const publish = (endpoints: readonly EndpointSpec[]): void => void sets.push(endpoints.map(({ host }) => host).join(' '))
  const all = { url: `http://127.0.0.1:${registry.port}`, silenceMs: 10_000, maxEventLength: 100_000, ...options }
  const one = new RemoteWatch('catalog', all, publish, { metrics, log: { info: tell('info'), warn: tell('warn') }, random: () => 0 })
  onTestFinished(() => one.stop())
  await one.start()
  return { sets, told, metrics, watch: one }
}

const connected = ({ metrics }: Watched): number => metrics.gauge('mesh_registry_connected', '', { service: 'catalog' }).value

describe('a registry that answers', () => {
  test('is followed from event to event, and believed when it says that nobody is there', async () => {
    const registry = await new PlayedRegistry().start()
    registry.newest = event('a b')
    const one = await watch(registry)
    expect(one.sets).toEqual(['a b'])
    expect(connected(one)).toBe(1)
    expect(registry.asked[0]).toMatchObject({ url: '/v1/registry/watch?service=catalog', headers: { accept: 'text/event-stream' } })
    registry.send(':\n\n')
    registry.send(event('c'))
    registry.send(event(''))
    await eventually(() => expect(one.sets).toEqual(['a b', 'c', '']))
    one.watch.stop()
    expect(connected(one)).toBe(0)
    expect(one.told).toEqual([])
  })

  test('below a path is asked there', async () => {
    const registry = await new PlayedRegistry().start()
    registry.newest = event('a')
    await watch(registry, { url: `http://127.0.0.1:${registry.port}/mesh` })
    expect(registry.asked[0]?.url).toBe('/mesh/v1/registry/watch?service=catalog')
  })
})

describe('a stream that ends', () => {
  test('is opened again where it ended, and the last good endpoints stay meanwhile', async () => {
    const registry = await new PlayedRegistry().start()
    registry.newest = event('a')
    const one = await watch(registry)
    registry.play = (response) => registry.stream(response).write('event: unchanged\ndata: {}\n\n')
    for (const response of registry.open) response.destroy()
    await eventually(() => expect(registry.asked).toHaveLength(2))
    expect(registry.asked[1]?.headers['last-event-id']).toBe('a')
    await eventually(() => expect(connected(one)).toBe(1))
    registry.send(event('b'))
    await eventually(() => expect(one.sets).toEqual(['a', 'b']))
    expect(one.told).toEqual([])
  })

  test('while the registry is away is told once, and so is that it is back', async () => {
    const registry = await new PlayedRegistry().start()
    registry.newest = event('a')
    const one = await watch(registry)
    registry.stop()
    await eventually(() => expect(one.told).toEqual([expect.stringContaining('the last good endpoints stay: connect ECONNREFUSED')]))
    expect(connected(one)).toBe(0)
    await registry.start()
    await eventually(() => expect(one.told).toEqual([expect.any(String), 'info: the registry is followed again: ']))
    expect(one.sets.every((hosts) => hosts === 'a')).toBe(true)
  })

  test('silently is noticed', async () => {
    const registry = await new PlayedRegistry().start()
    registry.newest = event('a')
    await watch(registry, { silenceMs: 100 })
    await eventually(() => expect(registry.asked.length).toBeGreaterThan(1))
  })

  test('with a registry that was never there lets the mesh start, and is followed when it comes', async () => {
    const registry = await new PlayedRegistry().start()
    registry.stop()
    const one = await watch(registry)
    expect(one.sets).toEqual([])
    registry.newest = event('a')
    await registry.start()
    await eventually(() => expect(one.sets).toEqual(['a']))
  })

  test('is not opened again after a stop', async () => {
    const registry = await new PlayedRegistry().start()
    registry.newest = event('a')
    const stopped = await watch(registry)
    stopped.watch.stop()
    await eventually(() => expect(registry.open.size).toBe(0))
    const before = registry.asked.length
    const other = await watch(registry)
    for (const response of registry.open) response.destroy()
    await eventually(() => expect(registry.asked).toHaveLength(before + 2))
    other.watch.stop()
  })
})

describe('what is no answer changes nothing', () => {
  const data = (value: unknown): string => `event: instances\ndata: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
  test.each([
    ['an error', (response: ServerResponse) => response.writeHead(500).end('no'), 'status 500'],
    ['a page', (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'), 'status 200 and no stream'],
    ['another place', (response: ServerResponse) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'status 302'],
    ['no JSON', data('{'), 'JSON'],
    ['null', data('null'), 'something else'],
    ['another service', event('x', { service: 'other' }), 'something else'],
    ['a list that is none', event('x', { instances: {} }), 'something else'],
    ['an instance that is not valid', event('x', { instances: [{ service: 'catalog', address: 'x:0' }] }), 'address is not host:port'],
    ['an endless event', `data: ${'x'.repeat(200_000)}`, 'longer than 100000'],
  ])('%s', async (_, answer, reason) => {
    const registry = await new PlayedRegistry().start()
    registry.newest = event('a')
    const one = await watch(registry)
    registry.play = (response) => void (typeof answer === 'string' ? registry.stream(response).write(answer) : answer(response))
    for (const response of registry.open) response.destroy()
    await eventually(() => expect(one.told).toEqual([expect.stringContaining(reason)]))
    expect(one.sets).toEqual(['a'])
    await eventually(() => expect(registry.asked.length).toBeGreaterThan(3))
    expect(one.told).toHaveLength(1)
    expect(connected(one)).toBe(0)
  })

  test('events of other kinds are passed over', async () => {
    const registry = await new PlayedRegistry().start()
    registry.newest = `event: news\ndata: x\n\ndata: y\n\n${event('a')}`
    expect((await watch(registry)).sets).toEqual(['a'])
  })

  test('a registry that has lost everything takes nobody away before it is settled', async () => {
    const registry = await new PlayedRegistry().start()
    registry.newest = event('a b')
    const one = await watch(registry)
    registry.send(event('', { registry: 'two', settled: false, revision: 0 }))
    registry.send(event('b', { registry: 'two', settled: false }))
    registry.send(event('b', { registry: 'two' }))
    await eventually(() => expect(one.sets).toEqual(['a b', 'a b', 'a b', 'b']))
  })
})

test.each(['catalog', 'ftp://a', ''])('%j is no registry', (url) => {
  expect(() => new RemoteWatch('catalog', { url, silenceMs: 1000, maxEventLength: 1000 }, () => {}, {})).toThrow('url is the address')
})

test('a URL that is none is not told again, as there may be a password in it', () => {
  expect(() => new RemoteWatch('catalog', { url: 'http//user:hush@registry', silenceMs: 1000, maxEventLength: 1000 }, () => {}, {})).toThrow(/^url is the address(?!.*hush)/)
})
