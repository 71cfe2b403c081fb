// A watcher that reads nothing costs one event and is dropped; the others hear everything.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { toInstance } from './instance.ts'
import { eventually, follow } from './run.test.kit.ts'
import { ServiceRegistry } from './service-registry.ts'
import { inMemory, openStore } from './store.ts'
import { Watchers } from './watchers.ts'

interface Setup {
  readonly registry: ServiceRegistry
  readonly url: string
  /** How many there are now. */
  readonly count: () => number
  /** Most bytes that any of them had waiting. */
  readonly mostWaiting: () => number
}

async function setup(stallMs: number): Promise<Setup> {
  const registry = new ServiceRegistry(openStore(inMemory, () => {}), { maxInstances: 10_000, maxServices: 10 }, 0, { changed() {}, slept() {}, notWritten() {} })
  let count = 0
  let most = 0
  const watchers = new Watchers(registry, { maxWatchers: 10, keepAliveMs: 60_000, stallMs }, (now) => (count = now))
  const server = createServer((_request, response) => {
    watchers.add('catalog', response, undefined)
    const timer = setInterval(() => (most = Math.max(most, response.writableLength)), 1)
    response.on('close', () => clearInterval(timer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    watchers.close()
    registry.close()
    server.closeAllConnections()
    server.close()
  })
  return { registry, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, count: () => count, mostWaiting: () => most }
}

function deafWatcher(url: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  socket.write('GET /v1/registry/watch?service=catalog HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  onTestFinished(() => void socket.destroy())
  return socket
}

const metadata = { text: 'x'.repeat(4000) }

/** Registers more and more until the condition holds; each event is then longer than the one before. */
async function grow(registry: ServiceRegistry, isEnough: () => boolean): Promise<void> {
  for (let i = 0; !isEnough() && i < 5000; i++) {
    registry.register(toInstance({ service: 'catalog', address: `10.0.${i >> 8}.${i & 255}:80`, metadata }))
    if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('it is dropped after a while, with one event in the queue at most', { timeout: 180_000 }, async () => {
  const { registry, url, count, mostWaiting } = await setup(500)
  const deaf = deafWatcher(url)
  const awake = await follow(url, 'catalog')
  await eventually(() => expect(count()).toBe(2))
  await grow(registry, () => count() < 2)
  await eventually(() => expect(count()).toBe(1))
  const longest = JSON.stringify(registry.view('catalog')).length
  expect(mostWaiting()).toBeLessThan(1.2 * longest)
  const { revision } = registry.view('catalog')
  await eventually(() => expect((JSON.parse(awake.events.at(-1)?.data ?? '{}') as { revision: number }).revision).toBe(revision))
  const closed = once(deaf, 'close')
  deaf.resume()
  await closed
})

test('one that wakes up in time hears the newest, not all that it has missed', { timeout: 180_000 }, async () => {
  const { registry, url, count, mostWaiting } = await setup(60_000)
  const sleepy = await follow(url, 'catalog')
  await eventually(() => expect(count()).toBe(1))
  sleepy.response.pause()
  // Until it is behind, and then further.
  await grow(registry, () => mostWaiting() > 100_000)
  const { instances } = registry.view('catalog')
  for (const { id } of instances.slice(0, 20)) {
    registry.deregister('catalog', id, undefined)
    await new Promise((resolve) => setTimeout(resolve, 60))
  }
  const before = sleepy.events.length
  sleepy.response.resume()
  const { revision } = registry.view('catalog')
  const revisions = (): number[] => sleepy.events.slice(before).map(({ data }) => (JSON.parse(data) as { revision: number }).revision)
  await eventually(() => expect(revisions().at(-1)).toBe(revision))
  expect(revisions().filter((one) => one > revision - 20)).toEqual([revision])
})
