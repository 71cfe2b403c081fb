// The limiter by its name: in a mesh, in a scope, in two threads with one budget, and after a change of the configuration.
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createMesh, runMesh, type MeshApp, type MeshSpec, type RunningMesh } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
}

/** A request on a connection of its own, so that the kernel chooses a thread for each. */
function ask(port: number, path = '/', headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, headers, agent: new Agent({ keepAlive: false }) }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers }))
    })
    sent.on('error', reject).end()
  })
}

async function statuses(port: number, count: number, path?: string): Promise<Record<number, number>> {
  const seen: Record<number, number> = {}
  const answers = await Promise.all(Array.from({ length: count }, async () => ask(port, path)))
  for (const { status } of answers) seen[status] = (seen[status] ?? 0) + 1
  return seen
}

async function running(spec: MeshSpec): Promise<{ mesh: RunningMesh; port: number; spec: MeshSpec }> {
  const whole: MeshSpec = { admin: false, listeners: [{ address: '127.0.0.1:0' }], ...spec }
  const mesh = await runMesh(whole, { plugins: [new URL('./index.ts', import.meta.url).href] })
  onTestFinished(async () => mesh.close())
  return { mesh, port: mesh.listeners[0]?.port ?? 0, spec: whole }
}

function app(): MeshApp {
  const made = createMesh()
  onTestFinished(async () => made.close())
  return made
}

const slowly = { requests: 5, windowMs: 600_000 }

describe.each([0, 2])('a limiter (workers: %i)', (workers) => {
  test('has one budget, whichever thread a request comes to', async () => {
    const { port } = await running({ workers, filters: [{ 'rate-limit': slowly }], routes: [{ reply: { status: 200 } }] })
    expect(await statuses(port, 40)).toEqual({ 200: 5, 429: 35 })
  })

  test('has a budget for each route', async () => {
    const filters = [{ 'rate-limit': slowly }]
    const routes = ['/a', '/b'].map((path) => ({ match: { path }, filters, reply: { status: 200 } }))
    const { port } = await running({ workers, routes })
    expect([await statuses(port, 8, '/a'), await statuses(port, 8, '/b')]).toEqual([{ 200: 5, 429: 3 }, { 200: 5, 429: 3 }])
  })

  test('keeps its budgets when the configuration changes around it', async () => {
    const limited = (reply: number, more: object): Partial<MeshSpec> => ({ routes: [{ filters: [{ 'rate-limit': { ...slowly, ...more } }], reply: { status: reply } }] })
    const { mesh, port, spec } = await running({ workers, ...limited(200, {}) })
    expect(await statuses(port, 3)).toEqual({ 200: 3 })
    await mesh.apply({ ...spec, ...limited(201, { headers: 'none' }) })
    expect(await statuses(port, 6)).toEqual({ 201: 2, 429: 4 })
    await mesh.apply({ ...spec, ...limited(202, { requests: 7 }) })
    expect(await statuses(port, 8)).toEqual({ 202: 7, 429: 1 })
  })
})

describe('in a mesh', () => {
  test('what passes reaches the endpoint, and what is refused does not', async () => {
    let reached = 0
    const server = createServer((_request, response) => void response.end(String(++reached))).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const mesh = app()
    await mesh.register(plugin)
    await mesh.mesh.service('users', { endpoints: [`127.0.0.1:${(server.address() as AddressInfo).port}`] })
    mesh.mesh.route('/*', 'users', { filters: [{ 'rate-limit': { ...slowly, headers: 'all' } }] })
    await mesh.listen({ port: 0, host: '127.0.0.1' })
    const { port } = mesh.server.address() as AddressInfo
    const answers: Answer[] = []
    for (let i = 0; i < 7; i++) answers.push(await ask(port))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429])
    // Whole seconds: some may have passed on a busy machine.
    expect(answers[1]?.headers).toMatchObject({ ratelimit: expect.stringMatching(/^"default";r=3;t=2(?:[0-3]\d|40)$/), 'ratelimit-policy': '"default";q=5;w=600' })
    expect(answers[6]?.headers).toMatchObject({ 'retry-after': expect.stringMatching(/^(?:[89]\d|1[01]\d|120)$/), ratelimit: expect.stringMatching(/^"default";r=0;t=(?:5[6-9]\d|600)$/) })
    expect(reached).toBe(5)
    const series = mesh.mesh.collect().find(({ name }) => name === 'mesh_rate_limit_requests_total')?.series
    expect(series).toMatchObject([{ labels: ['default', 'allowed'], value: 5 }, { labels: ['default', 'refused'], value: 2 }, { labels: ['default', 'shadow'], value: 0 }])
  })

  test('each scope may have a rate of its own', async () => {
    const mesh = app()
    for (const [path, requests] of [['/a', 1], ['/b', 2]] as const) {
      await mesh.register(async (scope) => {
        await scope.register(plugin, { requests, windowMs: 600_000 })
        scope.mesh.add({ match: { path }, reply: { status: 200 } })
      })
    }
    mesh.mesh.add({ match: { path: '/free' }, reply: { status: 200 } })
    await mesh.listen({ port: 0, host: '127.0.0.1' })
    const { port } = mesh.server.address() as AddressInfo
    expect([await statuses(port, 3, '/a'), await statuses(port, 3, '/b'), await statuses(port, 3, '/free')]).toEqual([{ 200: 1, 429: 2 }, { 200: 2, 429: 1 }, { 200: 3 }])
  })

  test.each([
    [{ requests: 0 }, /requests/],
    [{}, /requests/],
    [{ requests: 1, key: ['host'] }, /key/],
    [{ requests: 1, windowms: 5 }, /windowms/],
    [{ requests: 10_000, windowMs: 1 }, /1000 per millisecond/],
  ])('%j is refused with the place', async (options, message) => {
    await expect(running({ routes: [{ filters: [{ 'rate-limit': options }], reply: { status: 200 } }] })).rejects.toThrow(message)
  })
})
