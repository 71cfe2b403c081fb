// The same guests and the same connections in Envoy, in front of its TCP proxy, and in Meshwright's listeners for TCP: what clients,
// endpoints and guests see is equal, but for the deliberate differences. Runs where ENVOY_BIN is the path of an Envoy.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Difference, tcpDifferences } from './differences.ts'
import { compared } from './kit/compare.ts'
import { type Endpoint, endpoint } from './kit/endpoint.ts'
import { type Envoy, startEnvoy } from './kit/envoy.ts'
import { tcpListener, upstreamSocket } from './kit/envoy-tcp.ts'
import { startMesh } from './kit/mesh.ts'
import { runTcp, tcpLines, until } from './kit/tcp-run.ts'
import type { TcpScenario } from './kit/tcp-scenario.ts'
import { type TcpEndpoint, tcpEndpoint } from './kit/wire.ts'

const binary = process.env['ENVOY_BIN'] ?? ''
// Guests are compiled when they are described: not where nobody runs them.
const { fence, tcpScenarios: recorded } = binary === '' ? { fence: undefined, tcpScenarios: [] } : await import('./tcp-scenarios.ts')
const { sdkTcpScenarios } = binary === '' ? { sdkTcpScenarios: [] } : await import('./sdk-tcp-scenarios.ts')
const tcpScenarios = [...recorded, ...sdkTcpScenarios]
/** Envoy compiles every guest before it listens. */
const startMs = 90_000

describe.skipIf(binary === '')('TCP beside Envoy (skipped without ENVOY_BIN, the path of an Envoy: CONTRIBUTING.md says how to get one)', () => {
  const used = new Set<Difference>()
  let endpoints: TcpEndpoint[] = []
  let app: Endpoint | undefined
  let envoy: Envoy | undefined

  beforeAll(async () => {
    app = await endpoint()
    const all = [...tcpScenarios, ...(fence === undefined ? [] : [fence])].map((one) => ({ ...one, behind: one.endpointTls && upstreamSocket(one.endpointTls) }))
    endpoints = await Promise.all(all.map(async ({ endpointTls }) => tcpEndpoint(endpointTls)))
    envoy = await startEnvoy(binary, all, endpoints.map(({ port }, i) => portOf(port, tcpScenarios[i])), tcpListener, app.port)
  }, startMs)

  afterAll(async () => {
    await envoy?.stop()
    await Promise.all([app, ...endpoints].map(async (one) => one?.close()))
  })

  /** Envoy has one thread for connections, whose lines come in their order: what a new connection writes down stands behind all that was before. */
  async function written(beside: Envoy): Promise<void> {
    for (const _ of [1, 2]) {
      const before = beside.lines(tcpScenarios.length).length
      const socket = connect(beside.ports[tcpScenarios.length] as number, '127.0.0.1')
      await until(() => beside.lines(tcpScenarios.length).length > before, () => 'Envoy writes nothing down')
      socket.destroy()
    }
  }

  test.each(tcpScenarios.map((scenario, i) => ({ ...scenario, i })))('$name', async ({ i, ...scenario }) => {
    const behind = endpoints[i] as TcpEndpoint
    const beside = envoy as Envoy
    const theirs = tcpLines(await runTcp(scenario, beside.ports[i] as number, behind, () => beside.lines(i), async () => written(beside)))
    const mesh = await startMesh(scenario, `s${i}`, portOf(behind.port, scenario), app?.port ?? 0, 'TCP')
    let over = 0
    const told = async (): Promise<void> => {
      over += scenario.filters.length
      const expected = Math.min(over, scenario.ends ?? over)
      const ended = (): number => mesh.lines().filter((line) => line === '@@on_delete').length
      await until(() => ended() >= expected, () => `only this was written down:\n${mesh.lines().join('\n')}`)
    }
    try {
      const ours = tcpLines(await runTcp(scenario, mesh.port, behind, () => mesh.lines(), told))
      const left = compared(scenario.name, theirs, ours, tcpDifferences, used)
      expect(left.meshwright).toEqual(left.envoy)
    } finally {
      await mesh.stop()
    }
  })

  test('every deliberate difference is one', ({ task }) => {
    // Only where all scenarios have run is a difference that was not found one that is no more.
    const all = task.suite?.tasks.every((one) => one === task || one.result?.state === 'pass') ?? false
    if (all) expect(tcpDifferences.filter((one) => !used.has(one)).map(({ why }) => why)).toEqual([])
  })
})

/** Nobody listens at port 1. */
function portOf(port: number, scenario: TcpScenario | undefined): number {
  return scenario?.unreachable === true ? 1 : port
}
