// Endpoints are hurt in every way under a steady load: what the client sees of it, and that no POST is worked on twice.
import { readFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createMesh, type Exchange, type MeshApp } from '@meshwright/core'
import leastRequest from '@meshwright/balancer-least-request'
import healthHttp from '@meshwright/health-http'
import outlier from '@meshwright/outlier'
import retry from '@meshwright/retry'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Endpoint } from './endpoint.ts'
import { Load, type Outcome } from './load.ts'

const rates = { gets: 150, posts: 15 }
/** How long each fault lasts, and the peace behind it. */
const faultMs = 1_600
const peaceMs = 1_000

interface Fault {
  readonly name: string
  hurt(endpoint: Endpoint): Promise<void>
  heal(endpoint: Endpoint): Promise<void>
}

const faults: readonly Fault[] = [
  { name: 'killed', hurt: (one) => one.kill(), heal: (one) => one.start() },
  { name: 'hung', hurt: async (one) => one.hang(), heal: async (one) => one.wake() },
  { name: 'slowed', hurt: (one) => one.become('slow'), heal: (one) => one.become('well') },
  { name: 'refusing', hurt: (one) => one.become('refusing'), heal: (one) => one.become('well') },
  { name: 'failing', hurt: (one) => one.become('failing'), heal: (one) => one.become('well') },
  { name: 'flapping', hurt: flap, heal: (one) => one.become('well') },
]

async function flap(one: Endpoint): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await one.become('refusing')
    await pause(faultMs / 8)
    await one.become('well')
    await pause(faultMs / 8)
  }
}

interface Phase {
  readonly name: string
  readonly fromMs: number
  toMs: number
}

let folder: string
let app: MeshApp
let load: Load
const phases: Phase[] = []
/** Attempts by path, as the mesh has counted them. */
const attempts = new Map<string, number>()
const endpoints: Endpoint[] = []

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'meshwright-faults-'))
  endpoints.push(...['a', 'b', 'c', 'd'].map((name) => new Endpoint(name, path.join(folder, 'posts'))))
  await Promise.all(endpoints.map((one) => one.start()))
  app = createMesh({ drainMs: 100 })
  for (const plugin of [leastRequest, retry, outlier, healthHttp]) await app.register(plugin)
  await app.ready()
  app.mesh.filter({ name: 'counter', onEnd: (exchange: Exchange) => void attempts.set(exchange.request.originalPath, exchange.attempt) })
  await app.mesh.apply({
    services: {
      shop: {
        endpoints: endpoints.map(({ address }) => address),
        balancer: 'least-request',
        // Times that a busy machine keeps too: nothing here is about how fast it is.
        retry: { backoff: { attempts: 4, on: ['5xx'], attemptTimeoutMs: 1_000, budget: { percent: 50, min: 20 } } },
        outlier: { passive: { consecutive5xx: 3, baseRestMs: 300, intervalMs: 1_000 } },
        health: { http: { path: '/healthz', intervalMs: 200, timeoutMs: 500, unhealthyThreshold: 2 } },
        timeout: { connectMs: 1_000, responseHeadersMs: 5_000 },
      },
    },
    routes: [{ to: 'shop' }],
  })
  const { port } = await app.mesh.listen({ address: '127.0.0.1:0' })
  load = new Load(port)
  load.start(rates)
  await inPhase('before', () => pause(peaceMs))
  for (const [at, fault] of faults.entries()) await inPhase(fault.name, () => suffer(fault, endpoints[at % endpoints.length] as Endpoint))
  await load.stop()
  for (const outcome of load.outcomes) outcome.attempts = attempts.get(outcome.path) ?? 0
}, 180_000)

afterAll(async () => {
  for (const one of endpoints) {
    one.wake()
    await one.kill()
  }
  await app.close()
  await rm(folder, { recursive: true })
})

async function suffer(fault: Fault, endpoint: Endpoint): Promise<void> {
  await fault.hurt(endpoint)
  await pause(faultMs)
  await fault.heal(endpoint)
  await pause(peaceMs)
}

async function inPhase(name: string, work: () => Promise<void>): Promise<void> {
  const phase = { name, fromMs: performance.now(), toMs: 0 }
  phases.push(phase)
  await work()
  phase.toMs = performance.now()
}

function during(phase: Phase, method: Outcome['method']): Outcome[] {
  return load.outcomes.filter((one) => one.method === method && one.atMs >= phase.fromMs && one.atMs < phase.toMs)
}

const isFailed = ({ status }: Outcome): boolean => status !== 200

/** Did anything of the fault reach this request? */
const isTouched = (one: Outcome): boolean => isFailed(one) || one.attempts > 1 || one.tookMs > 400

/** A row for people: what the fault did, and when the last trace of it was gone. */
function row(phase: Phase): string {
  const gets = during(phase, 'GET')
  const posts = during(phase, 'POST')
  const touched = [...gets, ...posts].filter(isTouched)
  const recoveredMs = Math.max(0, ...touched.map((one) => one.atMs - phase.fromMs))
  const worstMs = Math.max(0, ...gets.map((one) => one.tookMs))
  const cells = [phase.name.padEnd(9), `${gets.length} GETs, ${gets.filter(isFailed).length} failed`.padEnd(22), `${posts.length} POSTs, ${posts.filter(isFailed).length} failed`.padEnd(22)]
  return [...cells, `slowest GET ${worstMs.toFixed(0)} ms`.padEnd(22), `last trace after ${recoveredMs.toFixed(0)} ms`].join('  ')
}

describe('with retry, outlier detection and health checks, while endpoints are hurt', () => {
  test('what became of it is printed', () => {
    console.log(phases.map(row).join('\n'))
    expect(load.outcomes.length).toBeGreaterThan(rates.gets)
  })

  test('999 of 1000 idempotent requests succeed', () => {
    const gets = load.outcomes.filter((one) => one.method === 'GET')
    expect(gets.filter(isFailed).length / gets.length).toBeLessThanOrEqual(0.001)
  })

  test('every fault is felt by some request, or nothing would have been tested', () => {
    const hurt = phases.slice(1).filter((phase) => [...during(phase, 'GET'), ...during(phase, 'POST')].some(isTouched))
    expect(hurt.map(({ name }) => name)).toEqual(faults.map(({ name }) => name))
  })

  test('no POST is worked on twice', async () => {
    const worked = (await readFile(path.join(folder, 'posts'), 'utf8')).trim().split('\n').map((line) => line.split(' ')[1])
    expect(worked.length).toBeGreaterThan(rates.posts)
    expect(worked.length - new Set(worked).size).toBe(0)
  })

  test('every request was answered, and nothing is under way afterwards', () => {
    expect(load.outcomes.filter(({ status }) => status === 0)).toEqual([])
    const service = app.mesh.snapshot.services.get('shop')
    expect([service?.active, service?.retrying]).toEqual([0, 0])
  })
})
