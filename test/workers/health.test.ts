// Health checks of a mesh with threads: made once, by the supervisor, and believed by everybody.
import { once } from 'node:events'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { ServiceSpec } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { authority, hasOpenssl, httpEndpoint } from '../kit/index.ts'
import { eventually, startRun, threadsThatAnswer, type TestRun } from './kit/start-run.ts'

interface Checked {
  readonly address: string
  readonly state: { checks: number; status: number; answers: Promise<void> }
  readonly connections: Set<unknown>
}

/** An endpoint that counts how often it is checked, and over how many connections. */
async function checked(): Promise<Checked> {
  const state = { checks: 0, status: 200, answers: Promise.resolve() }
  const connections = new Set<unknown>()
  const { address } = await httpEndpoint(async ({ url, socket }, response) => {
    if (url !== '/healthz') return void response.end('served')
    state.checks++
    connections.add(socket)
    await state.answers
    response.writeHead(state.status).end()
  })
  return { address, state, connections }
}

async function start(service: ServiceSpec): Promise<TestRun> {
  return startRun({ plugins: ['health-http'], spec: { services: { test: service }, routes: [{ to: 'test' }] } })
}

interface Shown {
  readonly healthy: boolean
  readonly reason: string | null
}

async function shown(run: TestRun): Promise<Shown> {
  const { json } = await run.admin('/v1/services')
  return (json as { services: { endpoints: Shown[] }[] }).services[0]?.endpoints[0] as Shown
}

test('an endpoint is checked once, however many threads send requests to it', async () => {
  const endpoint = await checked()
  const run = await start({ endpoints: [endpoint.address], health: { http: { path: '/healthz', intervalMs: 3_600_000 } } })
  await threadsThatAnswer(run, 2)
  for (let i = 0; i < 10; i++) expect((await run.get()).body).toBe('served')
  await eventually(async () => endpoint.state.checks > 0, 'the first check')
  expect([endpoint.state.checks, endpoint.connections.size]).toEqual([1, 1])
  // A service that stays what it is stays checked as it is.
  await run.mesh.apply({ ...run.spec, routes: [{ to: 'test', name: 'another' }] })
  await threadsThatAnswer(run, 2)
  expect(endpoint.state.checks).toBe(1)
})

test('checks go on over one connection', async () => {
  const endpoint = await checked()
  await start({ endpoints: [endpoint.address], health: { http: { path: '/healthz', intervalMs: 5 } } })
  await eventually(async () => endpoint.state.checks >= 10, 'ten checks')
  expect(endpoint.connections.size).toBe(1)
})

test('checks are as seldom as they may before there was traffic, and begin when a thread has made the first attempt', async () => {
  const endpoint = await checked()
  const run = await start({ endpoints: [endpoint.address], health: { http: { path: '/healthz', intervalMs: 5, noTrafficIntervalMs: 3_600_000 } } })
  await eventually(async () => endpoint.state.checks === 1, 'the first check')
  for (let i = 0; i < 10; i++) await run.admin('/v1/services')
  expect(endpoint.state.checks).toBe(1)
  await run.get()
  await eventually(async () => endpoint.state.checks >= 5, 'more checks')
})

test('no thread sends to an endpoint that is still to be checked, if that is asked for', async () => {
  const endpoint = await checked()
  const release = Promise.withResolvers<void>()
  endpoint.state.answers = release.promise
  const run = await start({ endpoints: [endpoint.address], panicPercent: 0, health: { http: { path: '/healthz', timeoutMs: 60_000, waitForFirst: true } } })
  await eventually(async () => endpoint.state.checks === 1, 'the first check')
  for (let i = 0; i < 10; i++) expect((await run.get()).status).toBe(503)
  expect(await shown(run)).toMatchObject({ healthy: false, reason: 'not checked yet' })
  release.resolve()
  await eventually(async () => (await run.get()).status === 200, 'the endpoint to be let in')
})

describe.skipIf(!hasOpenssl)('over TLS', () => {
  async function secure(): Promise<{ address: string; ca: string }> {
    const root = authority()
    const leaf = root.issue({ ips: ['127.0.0.1'] })
    const server = createSecureServer({ key: leaf.key, cert: leaf.cert }, (_request, response) => void response.end()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
      server.closeAllConnections()
    })
    return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, ca: root.cert }
  }

  test('an endpoint is fit whose certificate comes from the given authority', async () => {
    const { address, ca } = await secure()
    const run = await start({ endpoints: [address], health: { http: { waitForFirst: true, tls: { ca } } } })
    await eventually(async () => (await shown(run)).healthy, 'the check to succeed')
  })

  test('an endpoint is not fit whose certificate nobody knows, unless nobody wants to know', async () => {
    const { address } = await secure()
    const run = await start({ endpoints: [address], health: { http: { tls: true } } })
    await eventually(async () => !(await shown(run)).healthy, 'the check to fail')
    expect((await shown(run)).reason).toMatch(/certificate/)
    const careless = await start({ endpoints: [address], health: { http: { waitForFirst: true, tls: { verify: false } } } })
    await eventually(async () => (await shown(careless)).healthy, 'the check to succeed')
  })
})
