// Who is in the registry and for how long: over time, with leases, limits, restarts and pauses.
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { toInstance, type Instance } from './instance.ts'
import { ServiceRegistry, type RegistryLimits } from './service-registry.ts'
import { inMemory, openStore, type Store } from './store.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const instance = (id: string, more: object = {}): Instance => toInstance({ service: 'catalog', id, address: `${id}:80`, ttlMs: 3000, ...more })

interface Setup {
  readonly registry: ServiceRegistry
  readonly events: string[]
  readonly store: Store
}

function setup(limits: Partial<RegistryLimits> = {}, store: Store = openStore(inMemory, () => {})): Setup {
  const events: string[] = []
  const registry = new ServiceRegistry(store, { maxInstances: 100, maxServices: 10, ...limits }, 30_000, {
    changed: (change, { id }, count) => void events.push(`${change} ${id} ${count}`),
    slept: (ms) => void events.push(`slept ${ms}`),
    notWritten: (error) => void events.push(`not written: ${error.message}`),
  })
  onTestFinished(() => registry.close())
  return { registry, events, store }
}

const ids = (registry: ServiceRegistry, service = 'catalog'): string => registry.view(service).instances.map(({ id }) => id).join(' ')

/** A store with something in it, as after a restart. */
function written(...held: Instance[]): Store {
  const store = openStore(inMemory, () => {})
  return Object.assign(Object.create(store) as Store, { held: held.map((one) => ({ instance: one, lease: `lease of ${one.id}` })), revision: 7, isNew: false, put: store.put.bind(store), remove: store.remove.bind(store), close: store.close.bind(store) })
}

describe('instances', () => {
  test('are there in order of their ids, with the revision of the last change', () => {
    const { registry } = setup()
    registry.register(instance('b'))
    registry.register(instance('a'))
    registry.register(toInstance({ service: 'other', address: 'x:1' }))
    expect(registry.view('catalog')).toMatchObject({ registry: registry.id, service: 'catalog', revision: 2, instances: [{ id: 'a' }, { id: 'b' }] })
    expect(registry.services()).toEqual(['catalog', 'other'])
    expect(registry.revision).toBe(3)
    expect(registry.view('nobody')).toMatchObject({ revision: 0, instances: [] })
  })

  test('that are silent for their TTL are removed, those that beat are not', async () => {
    const { registry, events } = setup()
    registry.register(instance('a'))
    registry.register(instance('b'))
    for (let i = 0; i < 4; i++) {
      await vi.advanceTimersByTimeAsync(1000)
      expect(registry.heartbeat('catalog', 'a', undefined)).toBe(true)
    }
    expect(ids(registry)).toBe('a')
    expect(events.at(-1)).toBe('expired b 1')
    expect(registry.heartbeat('catalog', 'b', undefined)).toBe(false)
    expect(registry.expiresInMs(instance('a'))).toBe(3000)
    expect(registry.expiresInMs(instance('b'))).toBe(0)
  })

  test('that are registered again as they were change nothing but the lease', () => {
    const { registry, events } = setup()
    const first = registry.register(instance('a'))
    const second = registry.register(instance('a'))
    expect([first.isNew, second.isNew, second.revision]).toEqual([true, false, 1])
    expect(second.lease).not.toBe(first.lease)
    expect(events).toHaveLength(1)
    expect(registry.register(instance('a', { weight: 2 })).revision).toBe(2)
  })

  test('leave with their own lease only, so that a late goodbye does not take out a successor', () => {
    const { registry } = setup()
    const old = registry.register(instance('a'))
    const successor = registry.register(instance('a'))
    expect(registry.heartbeat('catalog', 'a', old.lease)).toBe(false)
    expect(registry.deregister('catalog', 'a', old.lease)).toBe(false)
    expect(registry.heartbeat('catalog', 'a', successor.lease)).toBe(true)
    expect(registry.deregister('catalog', 'a', successor.lease)).toBe(true)
    expect(registry.deregister('catalog', 'a', undefined)).toBe(false)
    expect(registry.view('catalog')).toMatchObject({ revision: 2, instances: [] })
  })

  test('take the place of whoever was at their address', () => {
    const { registry, events, store } = setup({ maxInstances: 1 })
    const put = vi.spyOn(store, 'put')
    registry.register(instance('a', { address: 'x:1' }))
    expect(registry.register(instance('b', { address: 'x:1' })).revision).toBe(3)
    expect(ids(registry)).toBe('b')
    expect(registry).toMatchObject({ revision: 3 })
    expect(put.mock.lastCall?.[2]).toBe(3)
    expect(events).toEqual(['registered a 1', 'replaced a 0', 'registered b 1'])
  })
})

describe('time that was not theirs', () => {
  test('after a restart everybody has another TTL', async () => {
    const { registry } = setup({}, written(instance('a'), instance('b')))
    expect(registry.view('catalog')).toMatchObject({ revision: 7, settled: true })
    await vi.advanceTimersByTimeAsync(2000)
    expect(ids(registry)).toBe('a b')
    registry.heartbeat('catalog', 'a', 'lease of a')
    await vi.advanceTimersByTimeAsync(2000)
    expect(ids(registry)).toBe('a')
  })

  test('when the registry itself stood still everybody has another TTL', async () => {
    const { registry, events } = setup()
    registry.register(instance('a'))
    const now = performance.now()
    vi.spyOn(performance, 'now').mockReturnValue(now + 60_000)
    onTestFinished(() => void vi.restoreAllMocks())
    await vi.advanceTimersByTimeAsync(500)
    expect(events.at(-1)).toBe('slept 59500')
    expect(ids(registry)).toBe('a')
    vi.spyOn(performance, 'now').mockReturnValue(now + 60_500)
    await vi.advanceTimersByTimeAsync(500)
    expect(ids(registry)).toBe('a')
    for (let i = 1; i <= 6; i++) {
      vi.spyOn(performance, 'now').mockReturnValue(now + 60_500 + i * 500)
      await vi.advanceTimersByTimeAsync(500)
    }
    expect(ids(registry)).toBe('')
  })
})

describe('a registry that begins with nothing', () => {
  test('is settled after a while, and says so to those who watch', async () => {
    const { registry } = setup()
    const changed = vi.fn<() => void>()
    registry.watch('catalog', changed)
    expect(registry.settled).toBe(false)
    await vi.advanceTimersByTimeAsync(29_999)
    expect(registry.settled).toBe(false)
    expect(changed).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(100)
    expect(registry.settled).toBe(true)
    expect(changed).toHaveBeenCalledOnce()
  })
})

describe('watchers', () => {
  test('hear of the first change at once, and of those that come together once', async () => {
    const { registry } = setup()
    const seen: string[] = []
    const stop = registry.watch('catalog', () => void seen.push(ids(registry)))
    registry.register(instance('a'))
    await vi.advanceTimersByTimeAsync(0)
    expect(seen).toEqual(['a'])
    for (const id of ['b', 'c', 'd']) registry.register(instance(id))
    await vi.advanceTimersByTimeAsync(49)
    expect(seen).toEqual(['a'])
    await vi.advanceTimersByTimeAsync(1)
    expect(seen).toEqual(['a', 'a b c d'])
    stop()
    registry.register(instance('e'))
    await vi.advanceTimersByTimeAsync(1000)
    expect(seen).toHaveLength(2)
  })

  test('hear nothing of other services and of heartbeats', async () => {
    const { registry } = setup()
    registry.register(instance('a'))
    await vi.advanceTimersByTimeAsync(1000)
    const changed = vi.fn<() => void>()
    registry.watch('catalog', changed)
    registry.heartbeat('catalog', 'a', undefined)
    registry.register(toInstance({ service: 'other', address: 'x:1' }))
    await vi.advanceTimersByTimeAsync(1000)
    expect(changed).not.toHaveBeenCalled()
  })
})

describe('limits', () => {
  test('of instances: one more is refused, a known one is not', () => {
    const { registry } = setup({ maxInstances: 2 })
    registry.register(instance('a'))
    registry.register(instance('b'))
    expect(() => registry.register(instance('c'))).toThrow('no more than 2 instances')
    registry.register(instance('a', { weight: 2 }))
    registry.deregister('catalog', 'b', undefined)
    registry.register(instance('c'))
    expect(ids(registry)).toBe('a c')
  })

  test('of services: those that are empty and not watched make room', () => {
    const { registry } = setup({ maxServices: 2 })
    const of = (service: string): Instance => toInstance({ service, address: 'x:1' })
    registry.register(of('one'))
    registry.watch('two', () => {})
    expect(() => registry.register(of('three'))).toThrow('no more than 2 services')
    expect(() => registry.watch('three', () => {})).toThrow('no more than 2 services')
    registry.deregister('one', 'x:1', undefined)
    registry.register(of('three'))
    expect(registry.services()).toEqual(['three'])
  })
})

describe('a store that cannot be written', () => {
  const broken = (store: Store): Store => Object.assign(store, { put: fail, remove: fail })
  const fail = (): void => {
    throw new Error('disk full')
  }

  test('refuses changes, and what was there stays', () => {
    const { registry, store } = setup()
    registry.register(instance('a'))
    broken(store)
    expect(() => registry.register(instance('b'))).toThrow('disk full')
    expect(() => registry.deregister('catalog', 'a', undefined)).toThrow('disk full')
    expect(ids(registry)).toBe('a')
    expect(registry.revision).toBe(1)
  })

  test('does not keep the dead alive', async () => {
    const { registry, store, events } = setup()
    registry.register(instance('a'))
    broken(store)
    await vi.advanceTimersByTimeAsync(3500)
    expect(ids(registry)).toBe('')
    expect(events).toContain('not written: disk full')
  })
})
