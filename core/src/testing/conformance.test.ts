// How promises become tests of whatever runner there is, and what a broken one says.
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { inTurn } from '../service.ts'
import { balancerPromises, testBalancer } from './balancer.ts'
import { BrokenPromise, demand, promise, register, show, type RegisterTest } from './conformance.ts'

/** A runner that only writes down. */
function recorder(): { test: RegisterTest; readonly names: string[] } {
  const names: string[] = []
  return { names, test: (name) => void names.push(name) }
}

async function messageOf(broken: Promise<void>): Promise<string> {
  return broken.then(() => 'kept', (thrown: unknown) => String(thrown))
}

test('every promise that applies becomes a test with its number and statement', () => {
  const { test: record, names } = recorder()
  testBalancer(() => inTurn(), { test: record, weighted: false })
  const applicable = balancerPromises.filter(({ id }) => !['balancer/10', 'balancer/11'].includes(id))
  expect(names).toEqual(applicable.map(({ id, title }) => `${id} ${title}`))
})

test('without the option `test` it is the one that the runner has made global', () => {
  const { test: record, names } = recorder()
  Object.assign(globalThis, { test: record })
  onTestFinished(() => void Reflect.deleteProperty(globalThis, 'test'))
  testBalancer(() => inTurn())
  expect(names).toHaveLength(balancerPromises.length)
})

test('vitest without globals is told how', () => {
  expect(() => testBalancer(() => inTurn())).toThrow("import { test } from 'vitest'")
})

test('elsewhere it is that of node:test', () => {
  const file = path.join(import.meta.dirname, 'balancer.ts')
  const code = `import { testBalancer } from ${JSON.stringify(file)}; testBalancer(() => ({ pick: ([first]) => first }), { spreads: false, weighted: false })`
  const env = { ...process.env, NODE_OPTIONS: '' }
  for (const name of ['VITEST', 'NODE_TEST_CONTEXT', 'FORCE_COLOR']) Reflect.deleteProperty(env, name)
  const output = execFileSync(process.execPath, ['--test-reporter=tap', '--input-type=module-typescript', '--eval', code], { env, encoding: 'utf8' })
  expect(output).toContain('ok 1 - balancer/1 picks one of the endpoints it is given, however many there are')
  expect(output).toMatch(/# pass 12\n# fail 0/)
})

test('an exception is a broken promise with the exception as its cause', async () => {
  const cause = new TypeError('x is undefined')
  const one = promise('kind/1', 'does not throw', {
    hint: 'catch it',
    check() {
      throw cause
    },
  })
  const error: unknown = await one.check(() => 1, {}).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(BrokenPromise)
  expect(error).toMatchObject({ id: 'kind/1', cause })
  expect(String(error)).toBe('BrokenPromise: kind/1 does not throw\n  expected: no exception\n  happened: it threw TypeError: x is undefined\n  hint: catch it')
})

test('what never ends is broken when its time is over', async () => {
  const one = promise('kind/1', 'ends', { check: async () => new Promise<void>(() => {}) })
  expect(await messageOf(one.check(() => 1, { patienceMs: 10 }))).toContain('expected: an end within 10 ms')
})

test('a maker that fails is told of', async () => {
  const one = promise<number, object>('kind/1', 'is made', { check: async (make) => void (await make()) })
  expect(await messageOf(one.check(async () => Promise.reject(new Error('no such option')), {}))).toContain('it threw Error: no such option')
})

test('a test of the runner fails with the broken promise', async () => {
  const runs: (() => Promise<void>)[] = []
  const one = promise('kind/1', 'holds', { check: () => demand(false, 'a', 'b') })
  register([one], () => 1, { test: (_name, run) => void runs.push(run) })
  await expect(runs[0]?.()).rejects.toThrow('kind/1 holds\n  expected: a\n  happened: b')
})

test('values are shown on one line and not for ever', () => {
  expect(show({ a: 'x'.repeat(1_000), b: { c: [1, 2] } })).toMatch(/^\{ a: 'x+'\.\.\. 880 more characters, b: \{ c: \[ 1, 2 \] \} \}$/)
  expect(show(Array.from({ length: 300 }, () => 'y'.repeat(100)))).toMatch(/^.{300}…$/)
})
