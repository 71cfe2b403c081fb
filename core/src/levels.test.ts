// The endpoints of a service by priority, as they come and go, fall ill, rest and start slowly.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EndpointSet } from './endpoint-set.ts'
import type { Endpoint, EndpointSpec } from './endpoint.ts'
import { Levels, type LevelOptions } from './levels.ts'
import { inTurn } from './service.ts'
import { exchange } from './unit.test.kit.ts'

function spec(host: string, priority = 0): EndpointSpec {
  return { host, port: 80, priority }
}

interface Setup {
  readonly set: EndpointSet
  readonly levels: Levels
  /** What balancers were told. */
  readonly told: string[]
  readonly ill: (host: string) => void
}

function setup(specs: readonly EndpointSpec[], options: Partial<LevelOptions> = {}): Setup {
  const set = new EndpointSet('users')
  set.publish(specs)
  const told: string[] = []
  const prepare = (priority: number, endpoints: readonly Endpoint[]): ReturnType<typeof inTurn> => {
    told.push(`${priority} ${endpoints.map(({ host }) => host).join()}`)
    return inTurn()
  }
  const levels = new Levels(set, { panicPercent: 50, slowStart: undefined, ...options }, prepare)
  const ill = (host: string): void => set.setHealthy(set.get(`${host}:80`) as Endpoint, false, 'ill')
  return { set, levels, told, ill }
}

function hosts(levels: Levels, drawn: number): string | undefined {
  return levels.draw(() => drawn)?.endpoints.map(({ host }) => host).join()
}

// A clock that stands at 0 would say that nothing has happened yet.
beforeEach(() => void vi.useFakeTimers().advanceTimersByTime(1))
afterEach(() => void vi.useRealTimers())

describe('levels', () => {
  test('keep the traffic with the most important priority while it is well', () => {
    const { levels, told } = setup([spec('far', 1), spec('near')])
    expect([told, hosts(levels, 0), hosts(levels, 0.999)]).toEqual([['0 near', '1 far'], 'near', 'near'])
  })

  test('spill over by as much as a priority has lost', () => {
    const { levels, ill } = setup([spec('a'), spec('b'), spec('far', 1)])
    ill('a')
    expect([hosts(levels, 0.699), hosts(levels, 0.7)]).toEqual(['b', 'far'])
    ill('b')
    expect(hosts(levels, 0)).toBe('far')
  })

  test('use all endpoints of a priority when fewer than the threshold are fit and nobody else can carry the traffic', () => {
    const { levels, ill } = setup([spec('a'), spec('b'), spec('c')])
    ill('a')
    expect([hosts(levels, 0), levels.all[0]?.panic]).toEqual(['b,c', false])
    ill('b')
    expect([hosts(levels, 0), levels.all[0]?.panic]).toEqual(['a,b,c', true])
  })

  test('leave unfit endpoints alone at a threshold of 0', () => {
    const { levels, ill } = setup([spec('a')], { panicPercent: 0 })
    ill('a')
    expect(hosts(levels, 0)).toBe('')
  })

  test('answer nobody for a service without endpoints', () => {
    expect(setup([]).levels.draw(Math.random)).toBeUndefined()
  })

  test('tell a balancer anew at each step of a slow start, until everybody has grown up', () => {
    const { set, told, levels } = setup([spec('a')], { slowStart: { windowMs: 10_000 } })
    set.publish([spec('a'), spec('b')])
    const b = set.get('b:80') as Endpoint
    expect(b.weight).toBeCloseTo(0.1)
    vi.advanceTimersByTime(5000)
    expect(b.weight).toBeCloseTo(0.5)
    vi.advanceTimersByTime(5000)
    expect([b.weight, set.get('a:80')?.weight]).toEqual([1, 1])
    const steps = told.length
    vi.advanceTimersByTime(60_000)
    expect([told.length, vi.getTimerCount()]).toEqual([steps, 0])
    levels.close()
  })

  test('leave no timer behind when they are closed', () => {
    const { set, levels } = setup([spec('a')], { slowStart: { windowMs: 10_000 } })
    set.publish([spec('b')])
    levels.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('after a rest', () => {
  function woken(): Setup & { readonly a: Endpoint } {
    const one = setup([spec('a'), spec('b'), spec('c')])
    const a = one.set.get('a:80') as Endpoint
    one.set.rest(a, 1000, 'outlier')
    vi.advanceTimersByTime(1000)
    return { ...one, a }
  }

  test('an endpoint is on probation: it gets traffic until one attempt is under way, and then no more', () => {
    const { a, set, levels } = woken()
    expect([a.probation, hosts(levels, 0)]).toEqual([true, 'a,b,c'])
    set.probe(a, exchange())
    expect(hosts(levels, 0)).toBe('b,c')
  })

  test('it is back for good when that attempt went well', () => {
    const { a, set, levels } = woken()
    set.probe(a, exchange())
    set.probed(a, true)
    expect([a.probation, a.probe, hosts(levels, 0)]).toEqual([false, undefined, 'a,b,c'])
  })

  test('it gets another probe when that attempt said nothing good', () => {
    const { a, set, levels } = woken()
    set.probe(a, exchange())
    set.probed(a, false)
    expect([a.probation, a.probe, hosts(levels, 0)]).toEqual([true, undefined, 'a,b,c'])
  })

  test('it is no longer on probation when it rests once more', () => {
    const { a, set, levels } = woken()
    set.probe(a, exchange())
    set.rest(a, 1000, 'outlier')
    expect([a.probation, a.probe, hosts(levels, 0)]).toEqual([false, undefined, 'b,c'])
  })
})
