// A service asks its balancer, admissions and outlier detector, counts attempts, and survives whatever they do.
import { describe, expect, test, vi } from 'vitest'
import type { Endpoint } from './endpoint.ts'
import { MeshError } from './errors.ts'
import { Response, type Exchange } from './exchange.ts'
import { Headers } from './headers.ts'
import type { Admission, OutlierDetector } from './questions.ts'
import { defaultServiceTimeouts, inTurn, type Service } from './service.ts'
import { exchange, service } from './unit.test.kit.ts'

const boom = (): never => {
  throw new Error('secret')
}

/** An exchange with an endpoint, admitted. */
function admitted(one: Service): Exchange {
  const it = exchange()
  it.endpoint = one.pick(it) as Endpoint
  expect(one.admit(it)).toBeUndefined()
  return it
}

function responded(it: Exchange, status: number): Exchange {
  it.response = new Response(status, '', new Headers())
  return it
}

describe('a service', () => {
  test('fills in the timeouts that its spec leaves out', () => {
    expect(service({}, { timeout: { connectMs: 7, requestMs: 0 } }).timeouts).toEqual({ ...defaultServiceTimeouts, connectMs: 7 })
  })

  test('tells its balancer the fit endpoints before the first pick and after each change, until it is closed', () => {
    const told: string[] = []
    const one = service({ balancer: () => ({ pick: ([first]) => first as Endpoint, update: (fit) => void told.push(fit.map((endpoint) => endpoint.host).join()) }) })
    one.endpoints.publish([{ host: 'a', port: 80 }, { host: 'b', port: 80 }])
    one.endpoints.setHealthy(one.endpoints.all[0] as Endpoint, false, 'ill')
    one.close()
    one.endpoints.publish([])
    expect(told).toEqual(['a', 'a,b', 'b'])
  })

  test('survives a balancer that throws while it rebuilds', () => {
    const failures: MeshError[] = []
    const one = service({ balancer: () => ({ pick: ([first]) => first as Endpoint, update: boom }) })
    one.open((error) => failures.push(error))
    expect(failures.map((error) => error.code)).toEqual(['MESH_PLUGIN_FAILED'])
    expect(one.pick(exchange())).toMatchObject({ host: 'a' })
  })

  test.each([
    ['throws', boom],
    ['answers nothing', () => undefined as never],
    ['answers a name', () => 'a:80' as never],
    ['answers what looks like an endpoint', () => ({ id: 'a:80', host: 'a', port: 80 }) as never],
  ])('makes MESH_PLUGIN_FAILED of a balancer that %s', (_name, pick) => {
    expect(service({ balancer: () => ({ pick }) }).pick(exchange())).toMatchObject({ code: 'MESH_PLUGIN_FAILED' })
  })

  test('never asks its balancer about an empty list', () => {
    expect(service({ balancer: () => ({ pick: boom }) }, {}, []).pick(exchange())).toMatchObject({ code: 'MESH_NO_ENDPOINT' })
  })
})

describe('an attempt', () => {
  test('is counted from its admission to its end', () => {
    const one = service()
    const it = admitted(one)
    expect(it.endpoint).toMatchObject({ inFlight: 1, attempts: 1, failures: 0 })
    one.attemptEnded(responded(it, 200), { sent: true })
    expect(it.endpoint).toMatchObject({ inFlight: 0, attempts: 1, failures: 0 })
  })

  test.each([
    ['a status of 500', (it: Exchange) => responded(it, 500), 1],
    ['a status of 499', (it: Exchange) => responded(it, 499), 0],
    ['an error of the endpoint', (it: Exchange) => Object.assign(it, { error: new MeshError('MESH_UPSTREAM_CLOSED') }), 1],
    ['a client that left', (it: Exchange) => Object.assign(it, { error: new MeshError('MESH_CLIENT_CLOSED') }), 0],
    ['a filter that failed', (it: Exchange) => Object.assign(responded(it, 500), { error: new MeshError('MESH_FILTER_FAILED'), replied: true }), 0],
    ['a reply made here', (it: Exchange) => Object.assign(responded(it, 503), { replied: true }), 0],
  ])('that ends with %s counts %#', (_name, end, failures) => {
    const one = service()
    const it = end(admitted(one))
    one.attemptEnded(it, { sent: true })
    expect(it.endpoint?.failures).toBe(failures)
  })
})

describe('a further attempt', () => {
  test('goes to an endpoint that was not tried, even if the balancer insists on one that was', () => {
    const one = service({ balancer: () => ({ pick: ([first]) => first as Endpoint }) }, {}, ['a', 'b', 'c'])
    const it = exchange()
    it.tried = [one.endpoints.get('a:80') as Endpoint, one.endpoints.get('c:80') as Endpoint]
    expect(one.pick(it)).toMatchObject({ host: 'b' })
  })

  test('goes where the balancer says when it says something new, and back when there is nobody else', () => {
    const turns = ['a', 'c', 'a']
    const one = service({ balancer: () => ({ pick: (all) => all.find(({ host }) => host === turns[0] && turns.shift()) as Endpoint }) }, {}, ['a', 'b', 'c'])
    const it = exchange()
    it.tried = [one.endpoints.get('a:80') as Endpoint]
    expect(one.pick(it)).toMatchObject({ host: 'c' })
    it.tried = one.endpoints.all
    expect(one.pick(it)).toMatchObject({ host: 'a' })
  })
})

describe('an endpoint on probation', () => {
  function afterRest(outlier: OutlierDetector): { one: Service; a: Endpoint } {
    vi.useFakeTimers()
    const one = service({ outlier, balancer: () => ({ pick: ([first]) => first as Endpoint }) }, {}, ['a', 'b'])
    const a = one.endpoints.get('a:80') as Endpoint
    one.endpoints.rest(a, 1000, 'outlier')
    vi.advanceTimersByTime(1000)
    vi.useRealTimers()
    return { one, a }
  }

  test('gets one attempt, and the next when that went well', () => {
    const { one, a } = afterRest({ ended: () => undefined })
    const probe = admitted(one)
    expect([probe.endpoint, one.pick(exchange())]).toMatchObject([{ host: 'a' }, { host: 'b' }])
    one.attemptEnded(responded(probe, 200), { sent: true })
    expect([a.probation, admitted(one).endpoint, admitted(one).endpoint]).toMatchObject([false, { host: 'a' }, { host: 'a' }])
  })

  test.each([
    ['failed', (it: Exchange) => responded(it, 500)],
    ['said nothing, as its client left', (it: Exchange) => Object.assign(it, { error: new MeshError('MESH_CLIENT_CLOSED') })],
  ])('gets another one after an attempt that %s: %#', (_name, end) => {
    const { one, a } = afterRest({ ended: () => undefined })
    one.attemptEnded(end(admitted(one)), { sent: true })
    expect([a.probation, admitted(one).endpoint, admitted(one).endpoint]).toMatchObject([true, { host: 'a' }, { host: 'b' }])
  })

  test('rests again if the detector says so', () => {
    const { one, a } = afterRest({ ended: (endpoint) => (endpoint.probation ? 5000 : undefined) })
    one.attemptEnded(responded(admitted(one), 500), { sent: true })
    expect([a.fit, a.probation, a.restingUntilMs > 0]).toEqual([false, false, true])
    one.endpoints.close()
  })

  test('does not come back for an attempt that began before its rest', () => {
    vi.useFakeTimers()
    const one = service({ balancer: () => ({ pick: ([first]) => first as Endpoint }) }, {}, ['a', 'b'])
    const old = admitted(one)
    one.endpoints.rest(old.endpoint as Endpoint, 1000, 'outlier')
    vi.advanceTimersByTime(1000)
    vi.useRealTimers()
    admitted(one)
    one.attemptEnded(responded(old, 200), { sent: true })
    expect([old.endpoint?.probation, admitted(one).endpoint]).toMatchObject([true, { host: 'b' }])
  })
})

describe('priorities', () => {
  test('have a balancer each, and a balancer by value for all of them', () => {
    const made: string[][] = []
    const one = service({ balancer: () => {
      const told: string[] = []
      made.push(told)
      return { pick: ([first]) => first as Endpoint, update: (list) => void told.push(list.map(({ host }) => host).join()) }
    } })
    one.endpoints.publish([{ host: 'a', port: 80 }, { host: 'b', port: 80, priority: 1 }])
    one.endpoints.setHealthy(one.endpoints.get('a:80') as Endpoint, false, 'ill')
    expect(made).toEqual([['a', 'a', ''], ['b', 'b']])
    expect(one.pick(exchange())).toMatchObject({ host: 'b' })
  })

  test.each([{ panicPercent: 101 }, { slowStart: { windowMs: 0 } }, { slowStart: { windowMs: 1, aggression: 0 } }, { slowStart: { windowMs: 1, minWeightPercent: 0 } }])('refuse %j', (spec) => {
    expect(() => service({}, spec)).toThrow('service "users"')
  })
})

describe('a balancer that learns', () => {
  test.each([
    ['a response', (it: Exchange) => responded(it, 200), ['a']],
    ['a failure', (it: Exchange) => responded(it, 503), ['a']],
    ['an error of the endpoint', (it: Exchange) => Object.assign(it, { error: new MeshError('MESH_UPSTREAM_CLOSED') }), ['a']],
    ['a client that left', (it: Exchange) => Object.assign(it, { error: new MeshError('MESH_CLIENT_CLOSED') }), []],
    ['a reply made here', (it: Exchange) => Object.assign(responded(it, 503), { replied: true }), []],
  ])('hears of an attempt that ended with %s if it says something about the endpoint %#', (_name, end, heard) => {
    const log: string[] = []
    const one = service({ balancer: () => ({ pick: ([first]) => first as Endpoint, ended: ({ host }) => void log.push(host) }) })
    one.attemptEnded(end(admitted(one)), { sent: true })
    expect(log).toEqual(heard)
  })

  test('hears of the endpoints of its own priority only', () => {
    const log: string[] = []
    const named = (name: number): ReturnType<typeof inTurn> => ({ pick: ([first]) => first as Endpoint, ended: ({ host }) => void log.push(`${name} ${host}`) })
    let made = 0
    const one = service({ balancer: () => named(made++) })
    one.endpoints.publish([{ host: 'a', port: 80 }, { host: 'b', port: 80, priority: 1 }])
    for (const endpoint of one.endpoints.all) {
      const it = Object.assign(exchange(), { endpoint })
      one.admit(it)
      one.attemptEnded(responded(it, 200), { sent: true })
    }
    expect(log).toEqual(['0 a', '1 b'])
  })

  test('makes MESH_PLUGIN_FAILED when it throws, and keeps nobody else from hearing of it', () => {
    const log: string[] = []
    const one = service({
      balancer: () => ({ pick: ([first]) => first as Endpoint, ended: boom }),
      outlier: {
        ended({ host }) {
          log.push(host)
          return undefined
        },
      },
    })
    expect(one.attemptEnded(responded(admitted(one), 200), { sent: true })).toMatchObject({ code: 'MESH_PLUGIN_FAILED' })
    expect(log).toEqual(['a'])
  })
})

describe('admissions', () => {
  const noting = (log: string[], name: string, answer?: MeshError): Admission => ({
    admit: () => (log.push(`${name}?`), answer),
    ended: () => void log.push(`${name} ended`),
  })

  test('are all asked in order, and all told of the end', () => {
    const log: string[] = []
    const one = service({ admissions: [noting(log, 'a'), noting(log, 'b')] })
    one.attemptEnded(admitted(one), { sent: true })
    expect(log).toEqual(['a?', 'b?', 'a ended', 'b ended'])
  })

  test('before one that refuses get back what they gave; the one that refuses and those behind it do not', () => {
    const log: string[] = []
    const one = service({ admissions: [noting(log, 'a'), noting(log, 'b', new MeshError('MESH_OVERFLOW')), noting(log, 'c')] })
    const it = exchange()
    it.endpoint = one.pick(it) as Endpoint
    expect(one.admit(it)).toMatchObject({ code: 'MESH_OVERFLOW' })
    expect(log).toEqual(['a?', 'b?', 'a ended'])
    expect(it.endpoint).toMatchObject({ inFlight: 0, attempts: 0 })
  })

  test.each([
    ['throws', boom],
    ['answers what is no error', () => false as never],
  ])('that %s refuse with MESH_PLUGIN_FAILED', (_name, admit) => {
    const it = exchange()
    const one = service({ admissions: [{ admit, ended() {} }] })
    it.endpoint = one.pick(it) as Endpoint
    expect(one.admit(it)).toMatchObject({ code: 'MESH_PLUGIN_FAILED' })
    expect(it.endpoint.inFlight).toBe(0)
  })

  test('that throw when they get back what they gave keep nobody else from it', () => {
    const log: string[] = []
    const one = service({ admissions: [{ admit: () => undefined, ended: boom }, noting(log, 'b'), noting(log, 'c', new MeshError('MESH_OVERFLOW'))] })
    one.open((error) => log.push(error.code))
    const it = exchange()
    it.endpoint = one.pick(it) as Endpoint
    expect(one.admit(it)).toMatchObject({ code: 'MESH_OVERFLOW' })
    expect(log).toEqual(['b?', 'c?', 'b ended', 'MESH_PLUGIN_FAILED'])
  })

  test('that throw at the end of an attempt keep nobody else from hearing of it', () => {
    const log: string[] = []
    const one = service({ admissions: [{ admit: () => undefined, ended: boom }, noting(log, 'b')] })
    const it = admitted(one)
    expect(one.attemptEnded(it, { sent: true })).toMatchObject({ code: 'MESH_PLUGIN_FAILED' })
    expect([log, it.endpoint?.inFlight]).toEqual([['b?', 'b ended'], 0])
  })
})

describe('an outlier detector', () => {
  test('lets an endpoint rest for as long as it says', () => {
    const one = service({ outlier: { ended: () => 60_000 } })
    const it = admitted(one)
    one.attemptEnded(responded(it, 500), { sent: true })
    expect([it.endpoint?.fit, one.endpoints.fit.length, it.endpoint?.reason]).toEqual([false, 0, 'outlier'])
    one.endpoints.close()
  })

  test.each([undefined, 0, -5, Number.NaN, null as never, 'long' as never])('that answers %s lets nobody rest', (answer) => {
    const one = service({ outlier: { ended: () => answer } })
    const it = admitted(one)
    one.attemptEnded(responded(it, 500), { sent: true })
    expect(it.endpoint?.fit).toBe(true)
  })

  test.each([
    ['a response', (it: Exchange) => responded(it, 200), true],
    ['an endpoint that refused the connection', (it: Exchange) => Object.assign(it, { error: new MeshError('MESH_CONNECT_FAILED') }), true],
    ['a client that left', (it: Exchange) => Object.assign(it, { error: new MeshError('MESH_CLIENT_CLOSED') }), false],
    ['a reply made here', (it: Exchange) => Object.assign(responded(it, 503), { replied: true }), false],
    ['a failing filter', (it: Exchange) => Object.assign(it, { error: new MeshError('MESH_FILTER_FAILED') }), false],
  ])('hears of %s: %#', (_name, end, heard) => {
    let calls = 0
    const one = service({ outlier: { ended: () => void calls++ } })
    one.attemptEnded(end(admitted(one)), { sent: true })
    expect(calls).toBe(heard ? 1 : 0)
  })

  test('that throws is MESH_PLUGIN_FAILED for the log, and nothing else happens', () => {
    const one = service({ outlier: { ended: boom } })
    const it = admitted(one)
    expect(one.attemptEnded(responded(it, 500), { sent: true })).toMatchObject({ code: 'MESH_PLUGIN_FAILED' })
    expect(it.endpoint).toMatchObject({ inFlight: 0, fit: true })
  })
})

test('the own balancer gives each endpoint its turn, also when there are fewer of them than before', () => {
  const balancer = inTurn()
  const { endpoints } = service({}, {}, ['a', 'b', 'c'])
  const hosts = (count: number): string[] => Array.from({ length: count }, () => balancer.pick(endpoints.fit, exchange()).host)
  expect(hosts(6).toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
  endpoints.publish([{ host: 'a', port: 80 }])
  expect(hosts(2)).toEqual(['a', 'a'])
})
