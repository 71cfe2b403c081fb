// A fleet of proxies with one Redis: how exactly the budget is kept, how few questions that takes, and that nothing is lost when Redis goes.
import { createServer, Agent, request } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createMesh, runMesh, type MeshApp, type MeshSpec } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'
import type { RateLimitRedisOptions } from './rate-limit-redis.ts'
import { eventually, hasRedis, Redis } from './redis.test.kit.ts'

interface Proxy {
  readonly app: MeshApp
  readonly port: number
  ask(): Promise<number>
  /** How many of so many requests pass, some at a time. */
  passes(count: number, atATime?: number): Promise<number>
  /** Requests that were decided without Redis. */
  alone(): number
}

function asker(port: number, maxSockets = 20): () => Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets })
  onTestFinished(() => agent.destroy())
  return async () => {
    const sent = request({ host: '127.0.0.1', port, agent })
    sent.end()
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
    response.resume()
    await once(response, 'end')
    return response.statusCode ?? 0
  }
}

async function passesOf(ask: () => Promise<number>, count: number, atATime: number): Promise<number> {
  let passed = 0
  let left = count
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      while (left-- > 0) {
        const status = await ask()
        if (status === 200) passed++
        else expect(status).toBe(429)
      }
    }),
  )
  return passed
}

async function proxy(options: RateLimitRedisOptions, endpoint?: string): Promise<Proxy> {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  const filters = [{ 'rate-limit-redis': { timeoutMs: 5000, key: ['route'], ...options } }]
  if (endpoint === undefined) app.mesh.add({ name: 'all', filters, reply: { status: 200 } })
  else {
    await app.mesh.service('users', { endpoints: [endpoint] })
    app.mesh.route('/*', 'users', { name: 'all', filters })
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const ask = asker(port)
  const valueOf = (name: string): number => app.mesh.collect().find((family) => family.name === name)?.series.reduce((sum, one) => sum + ('value' in one ? one.value : 0), 0) ?? 0
  return { app, port, ask, passes: async (count, atATime = 10) => passesOf(ask, count, atATime), alone: () => valueOf('mesh_rate_limit_alone_total') }
}

/** A budget that does not fill while a test runs. */
const fixed = { requests: 400, windowMs: 86_400_000 }

describe.skipIf(!hasRedis())('four proxies', () => {
  test.each([1, 8, 50])('let through what one would, but for what they hold: leases of %i', async (lease) => {
    const { url } = await Redis.start()
    const fleet = await Promise.all(Array.from({ length: 4 }, async () => proxy({ url, ...fixed, lease, leaseMs: 60_000 })))
    const passed = (await Promise.all(fleet.map(async (one) => one.passes(300)))).reduce((sum, count) => sum + count, 0)
    expect(passed).toBeLessThanOrEqual(fixed.requests + 1)
    expect(passed).toBeGreaterThanOrEqual(fixed.requests - 4 * (lease - 1))
    expect(fleet.map((one) => one.alone())).toEqual([0, 0, 0, 0])
  })

  test('use all of it when all are busy', async () => {
    const { url } = await Redis.start()
    const fleet = await Promise.all(Array.from({ length: 4 }, async () => proxy({ url, ...fixed, lease: 50, leaseMs: 60_000 })))
    const passed = (await Promise.all(fleet.map(async (one) => one.passes(600)))).reduce((sum, count) => sum + count, 0)
    expect(passed).toBeGreaterThanOrEqual(fixed.requests)
    expect(passed).toBeLessThanOrEqual(fixed.requests + 1)
  })

  test('that hold leases from before exceed a budget by no more than those', async () => {
    const redis = await Redis.start()
    const lease = 8
    const fleet = await Promise.all(Array.from({ length: 4 }, async () => proxy({ url: redis.url, ...fixed, lease, leaseMs: 60_000 })))
    // 1, 2, 4 and 8 are leased, and the first of the 8 is used.
    for (const one of fleet) expect(await one.passes(8, 1)).toBe(8)
    const [budget] = (await redis.send('KEYS', 'meshwright:default:*')) as string[]
    await redis.send('DEL', budget as string)
    const passed = (await Promise.all(fleet.map(async (one) => one.passes(600)))).reduce((sum, count) => sum + count, 0)
    expect(passed - fixed.requests - 4 * (lease - 1)).toBeGreaterThanOrEqual(0)
    expect(passed - fixed.requests - 4 * (lease - 1)).toBeLessThanOrEqual(1)
  })
})

describe.skipIf(!hasRedis())('a proxy', () => {
  test('asks Redis once for many requests', async () => {
    const redis = await Redis.start()
    const one = await proxy({ url: redis.url, requests: 100_000, windowMs: 86_400_000, lease: 50, leaseMs: 60_000 })
    expect(await one.passes(2000)).toBe(2000)
    // 50 at a time, a few while the leases grow, and one to say that it is there.
    expect(await redis.scriptCalls()).toBeLessThan(60)
  })

  test('does not ask while there cannot be anything', async () => {
    const redis = await Redis.start()
    const one = await proxy({ url: redis.url, requests: 1, windowMs: 86_400_000 })
    expect(await one.passes(200)).toBe(1)
    expect(await redis.scriptCalls()).toBeLessThan(20)
  })

  test('keeps its connection when the configuration changes around it, and closes it when it is no longer needed', async () => {
    const redis = await Redis.start()
    const limited = (reply: number): MeshSpec => ({ admin: false, listeners: [{ address: '127.0.0.1:0' }], routes: [{ filters: [{ 'rate-limit-redis': { url: redis.url, ...fixed } }], reply: { status: reply } }] })
    const mesh = await runMesh(limited(200), { plugins: [new URL('./index.ts', import.meta.url).href] })
    onTestFinished(async () => mesh.close())
    const connections = async (): Promise<string[]> => [...String(await redis.send('CLIENT', 'LIST')).matchAll(/^id=(\d+).*cmd=(?!client\|list)/gm)].map(([, id]) => id as string)
    await eventually(async () => (await connections()).length === 1, 'the connection')
    const before = await connections()
    await mesh.apply(limited(201))
    expect(await connections()).toEqual(before)
    await mesh.apply({ ...limited(202), routes: [{ reply: { status: 202 } }] })
    await eventually(async () => (await connections()).length === 0, 'the connection to be closed')
    await mesh.apply(limited(200))
    await eventually(async () => (await connections()).length === 1, 'a new connection')
  })

  test('with two threads has one budget', async () => {
    const { url } = await Redis.start()
    const mesh = await runMesh(
      { workers: 2, admin: false, listeners: [{ address: '127.0.0.1:0' }], routes: [{ filters: [{ 'rate-limit-redis': { url, timeoutMs: 5000, requests: 10, windowMs: 86_400_000 } }], reply: { status: 200 } }] },
      { plugins: [new URL('./index.ts', import.meta.url).href] },
    )
    onTestFinished(async () => mesh.close())
    expect(await passesOf(asker(mesh.listeners[0]?.port ?? 0), 60, 12)).toBe(10)
  })
})

describe.skipIf(!hasRedis())('when Redis is killed and started again under load', () => {
  test('no request is lost: each is passed or refused', async () => {
    const server = createServer((_request, response) => void response.end('ok')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const redis = await Redis.start()
    const one = await proxy({ url: redis.url, requests: 1_000_000, windowMs: 1000, lease: 5, timeoutMs: 5000 }, `127.0.0.1:${(server.address() as AddressInfo).port}`)
    const seen: Record<number, number> = {}
    const going = { on: true }
    let asked = 0
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (going.on) {
          asked++
          const status = await one.ask()
          seen[status] = (seen[status] ?? 0) + 1
        }
      }),
    )
    const answered = (more: number): (() => boolean) => {
      const from = asked
      return () => asked >= from + more
    }
    await eventually(answered(200), '200 requests with Redis')
    await redis.kill()
    await eventually(() => one.alone() > 0, 'requests to be decided here')
    await eventually(answered(200), '200 requests without Redis')
    await redis.start()
    await eventually(async () => (await redis.scriptCalls()) > 5, 'Redis to be asked again')
    const alone = one.alone()
    await eventually(answered(200), '200 requests with the new Redis')
    going.on = false
    await load
    expect(Object.keys(seen)).toEqual(['200'])
    expect(seen[200]).toBe(asked)
    expect(one.alone()).toBe(alone)
  })

  test('each thread lets its share through meanwhile', async () => {
    const redis = await Redis.start()
    const fleet = await Promise.all(Array.from({ length: 4 }, async () => proxy({ url: redis.url, ...fixed, lease: 1 })))
    for (const one of fleet) await one.ask()
    await eventually(async () => Number(await redis.send('ZCARD', 'meshwright:holders')) === 4, 'all to be counted')
    await redis.kill()
    for (const one of fleet) await eventually(async () => (await one.ask()) > 0 && one.alone() > 0, 'the loss to be noticed')
    const passed = (await Promise.all(fleet.map(async (one) => one.passes(500)))).reduce((sum, count) => sum + count, 0)
    // The first to come may have counted fewer than four.
    expect(passed).toBeLessThanOrEqual(400 + 200 + 134 + 100)
    expect(passed).toBeGreaterThanOrEqual(4 * 100 - 8)
  })
})
