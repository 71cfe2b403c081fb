// The same guests and the same requests in Envoy and in Meshwright: what clients, endpoints and guests see is equal, but for the
// deliberate differences of differences.ts. Runs where ENVOY_BIN is the path of an Envoy, and is skipped elsewhere.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Difference, differences } from './differences.ts'
import { compared } from './kit/compare.ts'
import { type Endpoint, endpoint } from './kit/endpoint.ts'
import { type Envoy, startEnvoy } from './kit/envoy.ts'
import { linesOf } from './kit/lines.ts'
import { startMesh } from './kit/mesh.ts'
import { run } from './kit/run.ts'

const binary = process.env['ENVOY_BIN'] ?? ''
// Guests are compiled when they are described: not where nobody runs them.
const scenarios = binary === '' ? [] : (await import('./scenarios.ts')).scenarios
/** Envoy compiles every guest before it listens. */
const startMs = 90_000

describe.skipIf(binary === '')('beside Envoy (skipped without ENVOY_BIN, the path of an Envoy: CONTRIBUTING.md says how to get one)', () => {
  const used = new Set<Difference>()
  let endpoints: Endpoint[] = []
  let envoy: Envoy | undefined

  beforeAll(async () => {
    endpoints = await Promise.all(scenarios.map(async () => endpoint()))
    envoy = await startEnvoy(binary, scenarios, endpoints.map(({ port }) => port))
  }, startMs)

  afterAll(async () => {
    await envoy?.stop()
    await Promise.all(endpoints.map(async (one) => one.close()))
  })

  test.each(scenarios.map((scenario, i) => ({ ...scenario, i })))('$name', async ({ i, ...scenario }) => {
    const behind = endpoints[i] as Endpoint
    const beside = envoy as Envoy
    const theirs = linesOf(await run(scenario, beside.ports[i] as number, behind, () => beside.lines(i)))
    const mesh = await startMesh(scenario, `s${i}`, behind.port, (endpoints[0] as Endpoint).port)
    try {
      const ours = linesOf(await run(scenario, mesh.port, behind, () => mesh.lines()))
      const left = compared(scenario.name, theirs, ours, differences, used)
      expect(left.meshwright).toEqual(left.envoy)
    } finally {
      await mesh.stop()
    }
  })

  test('every deliberate difference is one', ({ task }) => {
    // Only where all scenarios have run is a difference that was not found one that is no more.
    const all = task.suite?.tasks.every((one) => one === task || one.result?.state === 'pass') ?? false
    if (all) expect(differences.filter((one) => !used.has(one)).map(({ why }) => why)).toEqual([])
  })
})

test('a difference explains the lines that it names, and no others', () => {
  const difference: Difference = { envoy: / = 1$/, meshwright: / = 0 /, why: 'ours knows it' }
  const used = new Set<Difference>()
  const same = compared('any', ['  property a = 1', '  property b = 2'], ['  property a = 0 "x"', '  property b = 2'], [difference], used)
  expect(same.meshwright).toEqual(same.envoy)
  expect(used).toEqual(new Set([difference]))
  const other = compared('any', ['  property a = 1', '  property b = 2'], ['  property a = 2', '  property b = 0 "x"'], [difference], new Set())
  expect(other.meshwright).not.toEqual(other.envoy)
  const shifted = compared('any', ['  property a = 1'], ['  property b = 0 "x"'], [difference], new Set())
  expect(shifted.meshwright).not.toEqual(shifted.envoy)
  const elsewhere = compared('any', ['on_log'], [], [{ in: 'another', envoy: /^on_log$/, why: 'not here' }], new Set())
  expect(elsewhere.envoy).toEqual(['on_log'])
})
