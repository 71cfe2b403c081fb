// From answers to endpoints: what is taken, what is remembered, and what counts as no answer.
import { describe, expect, test } from 'vitest'
import { Finder, type Finding, type Wanted } from './find.ts'
import { failure, type Answer, type Target } from './message.ts'

const never = new AbortController().signal
const failed = failure('SERVFAIL')
const nodata: Answer = { ...failure(''), verdict: 'nodata', ttlSeconds: 7 }
const nxdomain: Answer = { ...failure(''), verdict: 'nxdomain', ttlSeconds: 8 }

function found(addresses: readonly string[], ttlSeconds = 30): Answer {
  return { ...failure(''), verdict: 'found', ttlSeconds, addresses }
}

function srv(targets: readonly (Partial<Target> & { host: string })[], glue: Readonly<Record<string, string[]>> = {}): Answer {
  return { ...failure(''), verdict: 'found', ttlSeconds: 20, targets: targets.map((target) => ({ port: 80, priority: 0, weight: 1, ...target })), glue: new Map(Object.entries(glue)) }
}

/** A finder over answers that a test may change; what is not there does not exist. */
function finder(type: Wanted['type'], answers: Record<string, Answer>): { find: () => Promise<Finding>; answers: Record<string, Answer>; asked: string[] } {
  const asked: string[] = []
  const one = new Finder({ name: 'users.test', type, port: 8080 }, async (name, type) => {
    asked.push(`${type} ${name}`)
    return Promise.resolve(answers[`${type} ${name}`] ?? nxdomain)
  })
  return { find: async () => one.find(never), answers, asked }
}

const hosts = ({ endpoints }: Finding): string[] => endpoints.map(({ host }) => host)

describe('addresses', () => {
  test('of both families, for as long as the shorter TTL', async () => {
    const { find } = finder('A+AAAA', { 'A users.test': found(['10.0.0.1'], 30), 'AAAA users.test': found(['fd00::1'], 20) })
    expect(await find()).toEqual({ result: 'found', endpoints: [{ host: '10.0.0.1', port: 8080 }, { host: 'fd00::1', port: 8080 }], ttlMs: 20_000, reason: '' })
  })

  test.each(['A', 'AAAA'] as const)('of one family only: %s', async (type) => {
    const one = finder(type, { 'A users.test': found(['10.0.0.1']), 'AAAA users.test': found(['fd00::1']) })
    expect(hosts(await one.find())).toEqual([type === 'A' ? '10.0.0.1' : 'fd00::1'])
    expect(one.asked).toEqual([`${type} users.test`])
  })

  test('a family without records says nothing about how long the other holds', async () => {
    const { find } = finder('A+AAAA', { 'A users.test': found(['10.0.0.1'], 30), 'AAAA users.test': nodata })
    expect(await find()).toMatchObject({ result: 'found', ttlMs: 30_000 })
  })

  test('of a family that fails are those it had last', async () => {
    const one = finder('A+AAAA', { 'A users.test': found(['10.0.0.1']), 'AAAA users.test': found(['fd00::1']) })
    await one.find()
    one.answers['A users.test'] = found(['10.0.0.2'])
    one.answers['AAAA users.test'] = failed
    const finding = await one.find()
    expect(finding).toMatchObject({ result: 'partial', reason: 'SERVFAIL' })
    expect(hosts(finding)).toEqual(['10.0.0.2', 'fd00::1'])
  })

  test('of a family that has none any more are gone', async () => {
    const one = finder('A+AAAA', { 'A users.test': found(['10.0.0.1']), 'AAAA users.test': found(['fd00::1']) })
    await one.find()
    one.answers['AAAA users.test'] = nodata
    expect(hosts(await one.find())).toEqual(['10.0.0.1'])
    one.answers['AAAA users.test'] = failed
    expect(hosts(await one.find())).toEqual(['10.0.0.1'])
  })

  test.each([
    ['nxdomain', nxdomain, 8000],
    ['nodata', nodata, 7000],
    ['failed', failed, undefined],
  ] as const)('that are not there have a reason: %s', async (result, answer, ttlMs) => {
    expect(await finder('A', { 'A users.test': answer }).find()).toMatchObject({ result, endpoints: [], ttlMs, reason: expect.stringMatching(/./) })
  })
})

describe('SRV', () => {
  const name = 'SRV users.test'

  test('targets become endpoints with their ports, weights and the rank of their priority', async () => {
    const targets = [{ host: 'a.test', port: 1, priority: 200, weight: 5 }, { host: 'b.test', port: 2, priority: 10, weight: 0 }]
    const { find, asked } = finder('SRV', { [name]: srv(targets, { 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.2'] }) })
    expect(await find()).toEqual({
      result: 'found',
      endpoints: [
        { host: '10.0.0.1', port: 1, priority: 1, weight: 5, metadata: { target: 'a.test' } },
        { host: '10.0.0.2', port: 2, priority: 0, weight: 1, metadata: { target: 'b.test' } },
      ],
      ttlMs: 20_000,
      reason: '',
    })
    expect(asked).toEqual([name])
  })

  test('targets without addresses of their own are asked for, each once', async () => {
    const { find, asked } = finder('SRV', { [name]: srv([{ host: 'a.test', port: 1 }, { host: 'a.test', port: 2 }]), 'A a.test': found(['10.0.0.1'], 3), 'AAAA a.test': nodata })
    expect(await find()).toMatchObject({ result: 'found', ttlMs: 3000, endpoints: [{ host: '10.0.0.1', port: 1 }, { host: '10.0.0.1', port: 2 }] })
    expect(asked).toEqual([name, 'A a.test', 'AAAA a.test'])
  })

  test('addresses of a target share its weight', async () => {
    const glue = { 'a.test': ['10.0.0.1', 'fd00::1'], 'b.test': ['10.0.0.2'] }
    const { endpoints } = await finder('SRV', { [name]: srv([{ host: 'a.test', weight: 3 }, { host: 'b.test', weight: 3 }], glue) }).find()
    expect(endpoints.map(({ weight }) => weight)).toEqual([3, 3, 6])
  })

  test('a target that fails keeps its addresses, one that is gone does not', async () => {
    const one = finder('SRV', { [name]: srv([{ host: 'a.test' }, { host: 'b.test' }]), 'A a.test': found(['10.0.0.1']), 'A b.test': found(['10.0.0.2']) })
    await one.find()
    one.answers['A a.test'] = failed
    expect(await one.find()).toMatchObject({ result: 'partial', endpoints: [{ host: '10.0.0.1' }, { host: '10.0.0.2' }] })
    one.answers['A b.test'] = nxdomain
    expect(hosts(await one.find())).toEqual(['10.0.0.1'])
  })

  test('a target that was not named for a while is not remembered', async () => {
    const one = finder('SRV', { [name]: srv([{ host: 'a.test' }]), 'A a.test': found(['10.0.0.1']) })
    await one.find()
    one.answers[name] = srv([{ host: 'b.test' }], { 'b.test': ['10.0.0.2'] })
    await one.find()
    one.answers[name] = srv([{ host: 'a.test' }])
    one.answers['A a.test'] = failed
    expect(await one.find()).toMatchObject({ result: 'failed', endpoints: [] })
  })

  test('one record without a target says that nobody is there', async () => {
    expect(await finder('SRV', { [name]: srv([{ host: '' }]) }).find()).toMatchObject({ result: 'unavailable', endpoints: [], ttlMs: 20_000 })
  })

  test('among others a record without a target or a port says nothing', async () => {
    const targets = [{ host: '' }, { host: 'a.test', port: 0 }, { host: 'b.test' }]
    expect(hosts(await finder('SRV', { [name]: srv(targets, { 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.2'] }) }).find())).toEqual(['10.0.0.2'])
  })

  test('a thousand targets are asked for a few at a time', async () => {
    let now = 0
    let most = 0
    const targets = Array.from({ length: 1000 }, (_, i) => ({ host: `t${i}.test` }))
    const one = new Finder({ name: 'users.test', type: 'SRV', port: 0 }, async (_, type) => {
      most = Math.max(most, ++now)
      await Promise.resolve()
      now--
      return type === 'SRV' ? srv(targets) : found(['10.0.0.1'])
    })
    expect((await one.find(never)).endpoints).toHaveLength(2000)
    expect(most).toBeLessThanOrEqual(32)
  })
})
