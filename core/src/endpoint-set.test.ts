// The endpoints of a service: what is published anew keeps its state, what rests wakes up again.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Endpoint } from './endpoint.ts'
import { EndpointSet } from './endpoint-set.ts'

const a = { host: 'a', port: 80 }
const b = { host: 'b', port: 80 }
const ids = (list: readonly Endpoint[]): string[] => list.map((endpoint) => endpoint.id)

function published(...specs: Parameters<EndpointSet['publish']>[0]): EndpointSet {
  const set = new EndpointSet('users')
  set.publish(specs)
  return set
}

describe('a set that is published', () => {
  test('replaces the one before, in the order of publication', () => {
    const set = published(a, b)
    set.publish([{ host: 'c', port: 1 }, a])
    expect([ids(set.all), ids(set.fit), set.revision]).toEqual([['c:1', 'a:80'], ['c:1', 'a:80'], 2])
  })

  test('keeps the state of an endpoint that has the same id, host and port, and takes over the rest', () => {
    const set = published({ ...a, id: 'one', weight: 1 })
    const [before] = set.all
    Object.assign(before as Endpoint, { inFlight: 3, attempts: 9, lastLatencyMs: 5 })
    set.publish([{ ...a, id: 'one', weight: 7, zone: 'z', metadata: { v: '2' } }])
    expect(set.all[0]).toBe(before)
    expect(set.all[0]).toMatchObject({ inFlight: 3, attempts: 9, lastLatencyMs: 5, weight: 7, zone: 'z', metadata: { v: '2' } })
    set.publish([{ ...a, id: 'one' }])
    expect(set.all[0]).toMatchObject({ weight: 1, zone: undefined, metadata: {} })
  })

  test('makes a new endpoint where an id has moved to another host or port', () => {
    const set = published({ ...a, id: 'one' })
    const [before] = set.all
    set.publish([{ ...b, id: 'one' }])
    expect([set.all[0] === before, before?.removed, set.get('one')?.host]).toEqual([false, true, 'b'])
  })

  test('takes the first of several with one id', () => {
    expect(published({ ...a, id: 'x' }, { ...b, id: 'x' }).all.map((endpoint) => endpoint.host)).toEqual(['a'])
  })

  test('tells which endpoints are gone, once each', () => {
    const gone: string[] = []
    const set = new EndpointSet('users', (endpoint) => void gone.push(endpoint.id))
    set.publish([a, b])
    set.publish([b])
    set.publish([b])
    expect(gone).toEqual(['a:80'])
    set.close()
    expect(gone).toEqual(['a:80', 'b:80'])
  })

  test('may be empty', () => {
    const set = published(a)
    set.publish([])
    expect([set.all, set.fit, set.get('a:80')]).toEqual([[], [], undefined])
  })

  test('leaves lists that somebody has kept as they were', () => {
    const set = published(a, b)
    const { all, fit } = set
    set.publish([])
    expect([all.length, fit.length]).toEqual([2, 2])
  })

  test('writes the address of an IPv6 endpoint with brackets', () => {
    expect(published({ host: '::1', port: 80 }).all[0]).toMatchObject({ address: '[::1]:80', id: '[::1]:80', host: '::1' })
  })
})

describe('a watcher', () => {
  test('hears of the fit endpoints now and after each change, until it stops', () => {
    const set = published(a, b)
    const heard: string[][] = []
    const stop = set.watch((fit) => heard.push(ids(fit)))
    set.setHealthy(set.get('a:80') as Endpoint, false, 'ill')
    set.setHealthy(set.get('a:80') as Endpoint, false, 'still ill')
    set.setHealthy(set.get('a:80') as Endpoint, true, undefined)
    stop()
    set.publish([])
    expect(heard).toEqual([['a:80', 'b:80'], ['b:80'], ['a:80', 'b:80']])
  })
})

describe('an endpoint that rests', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  const resting = (set: EndpointSet, ms: number): Endpoint => {
    const endpoint = set.get('a:80') as Endpoint
    set.rest(endpoint, ms, 'outlier')
    return endpoint
  }

  test('is kept out for exactly that long', () => {
    const set = published(a, b)
    const endpoint = resting(set, 1000)
    expect([ids(set.fit), endpoint.reason, endpoint.restingUntilMs]).toEqual([['b:80'], 'outlier', performance.now() + 1000])
    vi.advanceTimersByTime(999)
    expect(ids(set.fit)).toEqual(['b:80'])
    vi.advanceTimersByTime(1)
    expect([ids(set.fit), endpoint.reason, endpoint.restingUntilMs]).toEqual([['a:80', 'b:80'], undefined, 0])
  })

  test('counts its rests, but not those that only prolong another', () => {
    const set = published(a)
    const endpoint = resting(set, 1000)
    resting(set, 2000)
    expect(endpoint.rests).toBe(1)
    vi.advanceTimersByTime(2000)
    set.rest(endpoint, 1000, 'outlier', 'elsewhere')
    expect(endpoint.rests).toBe(2)
  })

  test('rests as long as it was told last', () => {
    const set = published(a)
    resting(set, 1000)
    vi.advanceTimersByTime(900)
    resting(set, 1000)
    vi.advanceTimersByTime(999)
    expect(set.fit).toEqual([])
    vi.advanceTimersByTime(1)
    expect(ids(set.fit)).toEqual(['a:80'])
  })

  test('rests a day at most', () => {
    const set = published(a)
    resting(set, Infinity)
    vi.advanceTimersByTime(86_400_000)
    expect(ids(set.fit)).toEqual(['a:80'])
  })

  test('goes on resting when it is published anew', () => {
    const set = published(a, b)
    resting(set, 1000)
    set.publish([b, a])
    expect(ids(set.fit)).toEqual(['b:80'])
    vi.advanceTimersByTime(1000)
    expect(ids(set.fit)).toEqual(['b:80', 'a:80'])
  })

  test('that wakes up ill stays out until it is well', () => {
    const set = published(a)
    const endpoint = resting(set, 1000)
    set.setHealthy(endpoint, false, 'ill')
    vi.advanceTimersByTime(1000)
    expect([set.fit, endpoint.reason]).toEqual([[], 'ill'])
    set.setHealthy(endpoint, true, undefined)
    expect(ids(set.fit)).toEqual(['a:80'])
  })

  test('keeps the reason of its rest when a check finds it well', () => {
    const set = published(a)
    const endpoint = resting(set, 1000)
    set.setHealthy(endpoint, true, undefined)
    expect([endpoint.reason, set.fit]).toEqual(['outlier', []])
  })

  test('and is dropped meanwhile is forgotten, timer and all', () => {
    const set = published(a)
    const endpoint = resting(set, 1000)
    set.publish([])
    expect(vi.getTimerCount()).toBe(0)
    set.rest(endpoint, 1000, 'outlier')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('is told to others only when it was decided here', () => {
    const told: unknown[] = []
    const set = new EndpointSet('users', undefined, (endpoint, ms, reason) => told.push([endpoint.id, ms, reason]))
    set.publish([a])
    const endpoint = set.get('a:80') as Endpoint
    set.rest(endpoint, 1000, 'outlier')
    set.rest(endpoint, 500, 'outlier', 'elsewhere')
    expect(told).toEqual([['a:80', 1000, 'outlier']])
    set.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})
