// Who rests, for what, and for how long.
import { describe, expect, test } from 'vitest'
import { passive, type PassiveOptions } from './passive.ts'
import { Played, type End } from './played.test.kit.ts'

const no = undefined

describe('failures in a row', () => {
  test.each<[string, End[], PassiveOptions]>([
    ['five 5xx', [500, 501, 503, 504, 599], {}],
    ['five attempts without an answer', ['MESH_CONNECT_FAILED', 'MESH_CONNECT_TIMEOUT', 'MESH_UPSTREAM_CLOSED', 'MESH_CONNECT_FAILED', 'MESH_CONNECT_FAILED'], {}],
    ['both together', [500, 'MESH_CONNECT_FAILED', 500, 'MESH_CONNECT_FAILED', 502], {}],
    ['as many 5xx as it is told', [500, 500], { consecutive5xx: 2 }],
    ['three gateway failures, if it is told so', [502, 503, 504], { consecutiveGatewayFailures: 3 }],
    ['three gateway failures without an answer', [502, 'MESH_CONNECT_TIMEOUT', 504], { consecutiveGatewayFailures: 3 }],
    ['five attempts without an answer, split', Array<End>(5).fill('MESH_UPSTREAM_CLOSED'), { splitLocalFailures: true }],
    ['five 5xx, split', [500, 500, 500, 500, 500], { splitLocalFailures: true }],
    ['five 5xx with an attempt without an answer among them, split', [500, 500, 'MESH_CONNECT_FAILED', 500, 500, 500], { splitLocalFailures: true }],
  ])('%s: the endpoint rests half a minute', (_name, ends, options) => {
    const service = new Played(3, options)
    expect(service.ends(0, ...ends)).toEqual([...ends.slice(1).map(() => no), 30_000])
  })

  test.each<[string, End[], PassiveOptions]>([
    ['four 5xx', [500, 500, 500, 500, 200, 500, 500, 500, 500], {}],
    ['404, 429 and other answers below 500', Array<End>(20).fill(404), {}],
    ['five gateway failures when only 5xx are looked at never, as that is off', Array<End>(9).fill(503), { consecutive5xx: 0 }],
    ['gateway failures with a 500 among them', [502, 502, 500, 502, 502], { consecutive5xx: 0, consecutiveGatewayFailures: 3 }],
    ['four without an answer and then one, split', [...Array<End>(4).fill('MESH_CONNECT_FAILED'), 500, ...Array<End>(4).fill('MESH_CONNECT_FAILED')], { splitLocalFailures: true }],
    ['bodies that a filter cannot hold back', Array<End>(9).fill('MESH_RESPONSE_BUFFER_FULL'), {}],
    ['local failures that are off', Array<End>(9).fill('MESH_CONNECT_FAILED'), { splitLocalFailures: true, consecutiveLocalFailures: 0 }],
  ])('%s: nobody rests', (_name, ends, options) => {
    const service = new Played(3, options)
    expect(new Set(service.ends(0, ...ends))).toEqual(new Set([no]))
  })

  test('are counted for each endpoint by itself', () => {
    const service = new Played(3)
    for (let i = 0; i < 4; i++) expect([service.end(0, 500), service.end(1, 500), service.end(2, 500)]).toEqual([no, no, no])
    expect(service.end(1, 500)).toBe(30_000)
  })
})

describe('statistics', () => {
  const options: PassiveOptions = { consecutive5xx: 0, maxRestingPercent: 100 }

  test('send an endpoint to rest that succeeds less than its peers, with its first attempt after the interval', () => {
    const service = new Played(5, options)
    expect(new Set(service.traffic(100, 100, 100, 100, 100, 50))).toEqual(new Set([no]))
    service.pass(10_000)
    expect([0, 1, 2, 3, 4].map((index) => service.end(index, 200))).toEqual([no, no, no, no, 30_000])
    expect(service.counted).toEqual(['detected success-rate', 'rested success-rate'])
  })

  test('tell an endpoint only once', () => {
    const service = new Played(5, { ...options, dryRun: true })
    service.traffic(100, 100, 100, 100, 100, 50)
    service.pass(10_000)
    service.ends(4, 200, 500, 200, 200)
    expect(service.counted).toEqual(['detected success-rate'])
  })

  test('say nothing during the interval they look at', () => {
    const service = new Played(5, options)
    service.traffic(200, 100, 100, 100, 100, 0)
    service.pass(9_999)
    expect(service.end(4, 500)).toBe(no)
  })

  test.each([
    ['fewer than five endpoints', 4, [100, 100, 100, 0], 100, {}],
    ['fewer than a hundred attempts', 5, [100, 100, 100, 100, 0], 99, {}],
    ['rates that hardly differ', 5, [100, 100, 100, 100, 100], 100, {}],
    ['what is switched off', 5, [100, 100, 100, 100, 0], 100, { successRate: false }],
  ])('say nothing about %s', (_name, size, percents, total, more) => {
    const service = new Played(size, { ...options, ...more })
    service.traffic(total, ...percents)
    service.pass(10_000)
    expect(percents.map((_, index) => service.end(index, 200))).toEqual(percents.map(() => no))
  })

  test('are about one interval: the next one begins with nothing', () => {
    const service = new Played(5, { ...options, dryRun: true })
    service.traffic(99, 100, 100, 100, 100, 0)
    service.pass(10_000)
    service.traffic(99, 100, 100, 100, 100, 0)
    service.pass(10_000)
    service.traffic(1, 100, 100, 100, 100, 100)
    expect(service.counted).toEqual([])
  })

  test('of an interval long ago are worth nothing', () => {
    const service = new Played(5, options)
    service.traffic(100, 100, 100, 100, 100, 0)
    service.pass(20_000)
    expect(service.end(4, 500)).toBe(no)
  })

  test('that nobody came to hear of in the next interval are worth nothing after it', () => {
    const service = new Played(5, options)
    service.traffic(100, 100, 100, 100, 100, 0)
    service.pass(10_000)
    service.end(0, 200)
    service.pass(10_000)
    expect(service.end(4, 200)).toBe(no)
  })

  test('find who fails in 85 percent of fifty attempts, if they are told to', () => {
    const service = new Played(5, { ...options, successRate: false, failurePercentage: true })
    service.traffic(50, 14, 16, 50, 100, 14)
    service.pass(10_000)
    expect([0, 1, 2, 3, 4].map((index) => service.end(index, 200))).toEqual([30_000, no, no, no, 30_000])
    expect(service.counted).toContain('rested failure-percentage')
  })

  test('take other numbers', () => {
    const service = new Played(2, { ...options, successRate: { minEndpoints: 2, minRequests: 10, stdevFactor: 0.5 }, intervalMs: 1000 })
    service.traffic(10, 100, 0)
    service.pass(1000)
    expect([service.end(0, 200), service.end(1, 200)]).toEqual([no, 30_000])
  })

  test('compare endpoints within their priority', () => {
    const service = new Played(10, options)
    service.endpoints.forEach((endpoint, i) => (endpoint.priority = i < 5 ? 0 : 1))
    // Against all ten, 50 of the first five would stand out.
    service.traffic(100, 50, 50, 50, 50, 50, 100, 100, 100, 100, 100)
    service.pass(10_000)
    expect(new Set(service.endpoints.map((_, index) => service.end(index, 200)))).toEqual(new Set([no]))
  })

  test('count attempts without an answer apart, if they are split', () => {
    const service = new Played(5, { ...options, splitLocalFailures: true, consecutiveLocalFailures: 0 })
    for (let i = 0; i < 100; i++) for (let index = 0; index < 5; index++) service.end(index, index === 4 && i < 50 ? 'MESH_CONNECT_FAILED' : 200)
    service.pass(10_000)
    expect([service.end(0, 200), service.end(4, 200)]).toEqual([no, 30_000])
    expect(service.counted).toEqual(['detected local-success-rate', 'rested local-success-rate'])
  })
})

describe('a rest', () => {
  test('is n times as long when it is the n-th in a row, and no longer than five minutes', () => {
    const service = new Played(3)
    const rests = [service.fail(0)]
    for (let i = 0; i < 11; i++) {
      service.pass(rests.at(-1) as number)
      rests.push(service.end(0, 500))
    }
    expect(rests.map((ms) => (ms as number) / 30_000)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10])
  })

  test('is not longer than the base, if that is more than five minutes', () => {
    const service = new Played(3, { baseRestMs: 400_000 })
    expect(service.fail(0)).toBe(400_000)
    service.pass(400_000)
    expect(service.end(0, 500)).toBe(400_000)
  })

  test('gets the jitter on top of everything', () => {
    const service = new Played(3, { jitterMs: 1000, maxRestMs: 30_000, random: () => 0.5 })
    expect(service.fail(0)).toBe(30_500)
    expect(service.told).toEqual(['0 for 30500'])
  })

  test.each([
    [0, 2],
    [9_999, 2],
    [10_000, 1],
    [25_000, 1],
  ])('follows one that was over, after %i well milliseconds with traffic: %i times as long', (wellMs, times) => {
    const service = new Played(3)
    service.pass(service.fail(0) as number)
    service.end(0, 200)
    service.pass(wellMs)
    expect(service.fail(0)).toBe(times * 30_000)
  })

  test('loses one from its length with each interval that was well, not more', () => {
    const service = new Played(3)
    service.pass(service.fail(0) as number)
    for (let i = 0; i < 3; i++) service.pass(service.end(0, 500) as number)
    service.end(0, 200)
    // Four in a row, and two intervals later: three.
    service.pass(20_000)
    service.end(1, 200)
    expect(service.fail(0)).toBe(3 * 30_000)
  })

  test('loses it once for each interval, however often that is looked at', () => {
    const service = new Played(3)
    service.pass(service.fail(0) as number)
    for (let i = 0; i < 3; i++) service.pass(service.end(0, 500) as number)
    service.end(0, 200)
    for (let i = 0; i < 2; i++) {
      service.pass(10_000)
      service.end(1, 200)
    }
    expect(service.fail(0)).toBe(3 * 30_000)
  })

  test('loses nothing from its length in an interval of which the endpoint was well for a part only', () => {
    const service = new Played(3)
    service.pass(service.fail(0) as number)
    service.pass(5_000)
    service.end(0, 200)
    // The interval ends five seconds after the endpoint has come back.
    service.pass(5_000)
    expect(service.fail(0)).toBe(60_000)
  })

  test('of an endpoint that was as long away as can be is soon short again', () => {
    const service = new Played(3)
    service.pass(service.fail(0) as number)
    for (let i = 0; i < 30; i++) service.pass(service.end(0, 500) as number)
    service.end(0, 200)
    service.pass(90_000)
    expect(service.fail(0)).toBe(60_000)
  })

  test('that another thread has decided counts, and is forgotten like any other', () => {
    const service = new Played(3)
    service.end(0, 200)
    service.rest(service.at(0), 1_000)
    service.pass(1_000)
    expect(service.end(0, 500)).toBe(60_000)
    service.end(1, 200)
    service.rest(service.at(1), 1_000)
    service.pass(60_000)
    service.ends(1, 200)
    service.ends(0, 200)
    service.pass(10_000)
    expect(service.fail(1)).toBe(30_000)
  })

  test('wipes out what the statistics had found before it', () => {
    const service = new Played(5, { consecutive5xx: 0, maxRestingPercent: 100 })
    service.traffic(100, 100, 100, 100, 100, 50)
    service.pass(10_000)
    service.end(0, 200)
    service.rest(service.at(4), 1_000)
    service.pass(1_000)
    expect(service.ends(4, 200, 200)).toEqual([no, no])
  })

  test('that another thread has decided makes the next one longer too', () => {
    const service = new Played(3)
    service.rest(service.at(0), 30_000)
    service.pass(30_000)
    expect(service.end(0, 500)).toBe(60_000)
  })

  test('begins anew with counting: failures before it are forgotten', () => {
    const service = new Played(3)
    service.ends(0, 500, 500, 500)
    service.rest(service.at(0), 30_000)
    service.pass(30_000)
    expect(service.ends(0, 200, 500, 500, 500, 500)).toEqual([no, no, no, no, no])
  })
})

describe('an endpoint on probation', () => {
  const onProbation = (options: PassiveOptions = {}): Played => {
    const service = new Played(3, options)
    service.pass(service.fail(0) as number)
    return service
  }

  test.each<[End, PassiveOptions]>([
    [500, {}],
    [503, {}],
    ['MESH_CONNECT_FAILED', {}],
    ['MESH_CONNECT_FAILED', { splitLocalFailures: true }],
  ])('rests again at once, and longer, after one %s (%j)', (how, options) => {
    expect(onProbation(options).end(0, how)).toBe(60_000)
  })

  test('is back after one good answer', () => {
    const service = onProbation()
    expect(service.ends(0, 200, 500, 500, 500, 500, 500)).toEqual([no, no, no, no, no, 60_000])
  })

  test('may answer 500 to somebody who looks at gateways only', () => {
    const service = new Played(3, { consecutive5xx: 0, consecutiveGatewayFailures: 2, successRate: false })
    service.ends(0, 502, 502)
    service.pass(30_000)
    expect(service.end(0, 500)).toBe(no)
  })

  test('is not judged by attempts that had begun before its rest', () => {
    const service = onProbation()
    for (let i = 0; i < 9; i++) expect(service.judge(service.at(0), service.exchange(500))).toBe(no)
    expect(service.end(0, 200)).toBe(no)
  })

  test('is not judged at all while it rests', () => {
    const service = new Played(3)
    service.fail(0)
    for (let i = 0; i < 9; i++) expect(service.judge(service.at(0), service.exchange(500))).toBe(no)
    expect(service.at(0).rests).toBe(1)
  })
})

describe('no more endpoints rest at a time', () => {
  const restingOf = (size: number, options: PassiveOptions): number => {
    const service = new Played(size, options)
    service.endpoints.forEach((_, index) => service.fail(index))
    return service.endpoints.filter(({ restingUntilMs }) => restingUntilMs !== 0).length
  }

  test.each([
    [1, {}, 0],
    [2, {}, 1],
    [3, {}, 1],
    [9, {}, 1],
    [10, {}, 1],
    [19, {}, 1],
    [20, {}, 2],
    [100, {}, 10],
    [3, { alwaysRestOne: false }, 0],
    [9, { alwaysRestOne: false }, 0],
    [10, { alwaysRestOne: false }, 1],
    [4, { maxRestingPercent: 50 }, 2],
    [3, { maxRestingPercent: 100 }, 3],
    [1, { maxRestingPercent: 100 }, 1],
    [3, { maxRestingPercent: 0 }, 1],
    [3, { maxRestingPercent: 0, alwaysRestOne: false }, 0],
  ])('of %i with %j: %i', (size, options, expected) => {
    expect(restingOf(size, options)).toBe(expected)
  })

  test('and those that do not are counted', () => {
    const service = new Played(3)
    service.fail(0)
    service.fail(1)
    expect(service.counted).toEqual(['detected consecutive-5xx', 'rested consecutive-5xx', 'detected consecutive-5xx', 'overflowed'])
  })

  test('and one on probation keeps its place', () => {
    const service = new Played(3)
    service.pass(service.fail(0) as number)
    expect(service.fail(1)).toBe(no)
    expect(service.end(0, 500)).toBe(60_000)
    service.pass(60_000)
    service.end(0, 200)
    expect(service.fail(1)).toBe(30_000)
  })

  test('and never the last fit one because it is the only one to rest', () => {
    const service = new Played(2)
    service.at(1).healthy = false
    expect(service.fail(0)).toBe(no)
  })
})

describe('a dry run', () => {
  test('counts and lets nobody rest', () => {
    const service = new Played(3, { dryRun: true })
    expect(service.fail(0)).toBe(no)
    expect(service.counted).toEqual(['detected consecutive-5xx'])
  })

  test.each<[PassiveOptions, End, string]>([
    [{ consecutive5xx: 3 }, 500, 'consecutive-5xx'],
    [{ consecutive5xx: 0, consecutiveGatewayFailures: 3 }, 503, 'consecutive-gateway'],
    [{ splitLocalFailures: true, consecutiveLocalFailures: 3 }, 'MESH_UPSTREAM_CLOSED', 'consecutive-local'],
  ])('begins counting anew after each outlier: %j', (options, how, rule) => {
    const service = new Played(3, { ...options, dryRun: true })
    service.ends(0, ...Array<End>(8).fill(how))
    expect(service.counted).toEqual([`detected ${rule}`, `detected ${rule}`])
  })
})

test.each<PassiveOptions>([
  { consecutive5xx: -1 }, { intervalMs: 99 }, { baseRestMs: 0 }, { maxRestMs: 0 }, { jitterMs: -1 }, { maxRestingPercent: 101 },
  { successRate: { minEndpoints: 0 } }, { successRate: { stdevFactor: 1900 } }, { failurePercentage: { percent: 101 } }, { failurePercentage: { minRequests: Number.NaN } },
])('%j is refused', (options) => {
  expect(() => passive(options)).toThrow(RangeError)
})
