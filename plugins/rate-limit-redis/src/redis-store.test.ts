// Budgets in a real Redis: what the scripts give, how long keys live, who is counted, and what becomes of a server that goes and comes back.
import { createMesh, type Gauge } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RedisStore } from './redis-store.ts'
import { eventually, hasRedis, Redis } from './redis.test.kit.ts'

const rate = { requests: 10, windowMs: 600_000, burst: 10 }

interface TestStore {
  readonly store: RedisStore
  readonly up: Gauge
  readonly logged: string[]
}

function open(url: string, prefix = 'test:'): TestStore {
  const logged: string[] = []
  const line = (details: object, text: string): void => void logged.push(`${text} ${JSON.stringify(details)}`)
  const up = createMesh().mesh.metrics.gauge('up', 'up')
  const store = new RedisStore(url, prefix, { log: { warn: line, info: line }, up })
  onTestFinished(async () => store.close())
  return { store, up, logged }
}

describe.skipIf(!hasRedis())('a budget in Redis', () => {
  test('gives what it has, and then says how long to wait', async () => {
    const redis = await Redis.start()
    const budgets = open(redis.url).store.of('users', rate)
    expect(await budgets.lease('a', 4)).toEqual({ taken: 4, waitMs: 0 })
    expect(await budgets.lease('a', 100)).toEqual({ taken: 6, waitMs: 0 })
    const { taken, waitMs } = await budgets.lease('a', 1)
    expect(taken).toBe(0)
    expect(waitMs).toBeGreaterThan(50_000)
    expect(waitMs).toBeLessThanOrEqual(60_000)
    expect(await budgets.lease('b', 1)).toEqual({ taken: 1, waitMs: 0 })
  })

  test('fills again on the clock of the server', async () => {
    const redis = await Redis.start()
    const budgets = open(redis.url).store.of('users', { requests: 1000, windowMs: 1000, burst: 3 })
    expect((await budgets.lease('a', 3)).taken).toBe(3)
    expect(await eventually(async () => (await budgets.lease('a', 3)).taken === 3, 'three more')).toBe(true)
  })

  test('leaves nothing behind: its key lives until it is full again', async () => {
    const redis = await Redis.start()
    const { store } = open(redis.url)
    await store.of('users', rate).lease('a', 5)
    const [key] = (await redis.send('KEYS', 'test:users:*')) as string[]
    const ttlMs = Number(await redis.send('PTTL', key as string))
    expect(ttlMs).toBeGreaterThan(290_000)
    expect(ttlMs).toBeLessThanOrEqual(300_000)
    await store.of('fast', { requests: 1000, windowMs: 1000, burst: 2 }).lease('a', 2)
    await eventually(async () => ((await redis.send('KEYS', 'test:fast:*')) as string[]).length === 0, 'the key to go')
  })

  test('is known by a hash: nothing of a request stands in Redis', async () => {
    const redis = await Redis.start()
    await open(redis.url).store.of('users', rate).lease('7:192.0.2.1', 1)
    expect(JSON.stringify(await redis.send('KEYS', '*'))).not.toContain('192.0')
  })

  test('outlives the scripts that Redis has forgotten', async () => {
    const redis = await Redis.start()
    const budgets = open(redis.url).store.of('users', rate)
    await budgets.lease('a', 4)
    await redis.send('SCRIPT', 'FLUSH')
    expect(await Promise.all([budgets.lease('a', 3), budgets.lease('a', 3)])).toEqual([{ taken: 3, waitMs: 0 }, { taken: 3, waitMs: 0 }])
  })

  test('is shared by those who count, and they know how many they are', async () => {
    const redis = await Redis.start()
    const one = open(redis.url).store
    expect((await one.of('users', rate).lease('a', 6)).taken).toBe(6)
    const two = open(redis.url).store
    expect((await two.of('users', rate).lease('a', 6)).taken).toBe(4)
    await eventually(() => two.holders === 2, 'the second to be counted')
    await one.close()
    const three = open(redis.url).store
    await eventually(async () => (await three.of('x', rate).lease('a', 1)).taken === 1 && three.holders === 2, 'the first to be no longer counted')
  })
})

describe.skipIf(!hasRedis())('a server', () => {
  test('that wants a password gets it, and nobody else does', async () => {
    const redis = await Redis.start({ password: 'open-sesame' })
    const { store, logged } = open(redis.url)
    expect((await store.of('users', rate).lease('a', 1)).taken).toBe(1)
    const wrong = open(redis.url.replace('sesame', 'barley'))
    await eventually(() => wrong.store.isAway, 'the login to fail')
    expect(wrong.logged).toEqual([expect.stringMatching(/Redis is away.*WRONGPASS/)])
    expect(`${logged.join()}${wrong.logged.join()}`).not.toMatch(/sesame|barley/)
  })

  test('that is not there is away, and is found when it comes', async () => {
    const redis = await Redis.start()
    await redis.kill()
    const { store, up, logged } = open(redis.url)
    const waiting = store.of('users', rate).lease('a', 1)
    await expect(waiting).rejects.toThrow()
    expect([store.isAway, up.value]).toEqual([true, 0])
    await redis.start()
    await eventually(() => !store.isAway, 'Redis to be found')
    expect(up.value).toBe(1)
    expect((await store.of('users', rate).lease('a', 1)).taken).toBe(1)
    expect(logged).toEqual([expect.stringContaining('ECONNREFUSED'), expect.stringContaining('answers again')])
  })

  test('that dies is away at once, and begins anew when it is back', async () => {
    const redis = await Redis.start()
    const { store, up } = open(redis.url)
    const budgets = store.of('users', rate)
    expect((await budgets.lease('a', 10)).taken).toBe(10)
    await redis.kill()
    await eventually(() => store.isAway, 'the loss to be noticed')
    await expect(budgets.lease('a', 1)).rejects.toThrow()
    await redis.start()
    await eventually(() => !store.isAway, 'Redis to be back')
    expect((await budgets.lease('a', 10)).taken).toBe(10)
    expect(up.value).toBe(1)
  })

  test('that says nothing is doubted until it answers again', async () => {
    const redis = await Redis.start()
    const { store } = open(redis.url)
    const budgets = store.of('users', rate)
    await budgets.lease('a', 1)
    redis.freeze()
    const late = budgets.lease('a', 2)
    store.doubt()
    expect(store.isAway).toBe(true)
    redis.thaw()
    expect((await late).taken).toBe(2)
    await eventually(() => !store.isAway, 'the doubt to end')
  })

  test('that answers but cannot write stays away', async () => {
    const redis = await Redis.start()
    const { store } = open(redis.url)
    const budgets = store.of('users', rate)
    await budgets.lease('a', 1)
    await redis.send('CONFIG', 'SET', 'maxmemory', '1')
    await expect(budgets.lease('a', 1)).rejects.toThrow(/OOM/)
    store.doubt()
    const before = await redis.scriptCalls()
    await eventually(async () => (await redis.scriptCalls()) >= before + 2, 'it to be asked twice more')
    expect(store.isAway).toBe(true)
    await redis.send('CONFIG', 'SET', 'maxmemory', '0')
    await eventually(() => !store.isAway, 'it to be believed again')
  })
})
