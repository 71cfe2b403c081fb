// Good health checks keep all promises; for each promise there is one that breaks it.
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { describe, test } from 'vitest'
import type { Endpoint } from '../endpoint.ts'
import type { HealthCheck } from '../questions.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'
import { healthPromises, testHealthCheck } from './health.ts'
import { answering } from './servers.ts'

/** Asks for `/` on a connection of its own, or on one that the agent keeps. */
async function ask({ host, port }: Endpoint, signal?: AbortSignal, agent?: Agent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const request = get({ host, port, agent: agent ?? false, ...(signal && { signal }) }, (response) => {
    response.resume()
    resolve(response.statusCode)
  })
  request.on('error', reject)
  const status = await promise
  if (status !== 200) throw new Error(`status ${status}`)
}

async function connected({ host, port }: Endpoint, signal: AbortSignal): Promise<void> {
  const socket = connect({ host, port, signal })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.on('connect', resolve).on('error', reject)
  await promise.finally(() => socket.destroy())
}

function asking(): HealthCheck {
  return { check: async (endpoint, signal) => ask(endpoint, signal) }
}

function keeping(maxSockets = 1): HealthCheck {
  const agents = new Map<Endpoint, Agent>()
  return {
    intervalMs: 1_000,
    async check(endpoint, signal) {
      const agent = agents.get(endpoint) ?? new Agent({ keepAlive: true, maxSockets })
      agents.set(endpoint, agent)
      await ask(endpoint, signal, agent)
    },
    forget(endpoint) {
      agents.get(endpoint)?.destroy()
      agents.delete(endpoint)
    },
  }
}

describe('one request on a connection of its own', () => {
  testHealthCheck(asking, { test, ill: answering(503) })
})

describe('one that keeps its connection', () => {
  testHealthCheck(keeping, { test, ill: answering(503) })
})

describe('a connection', () => {
  testHealthCheck(() => ({ check: connected }), { test, connectionIsEnough: true })
})

function but(check: (endpoint: Endpoint, signal: AbortSignal) => Promise<void>, more: Partial<HealthCheck> = {}): () => HealthCheck {
  return () => ({ check, ...more })
}

everyPromiseCanBreak(
  healthPromises,
  {
    'health/1': but(async () => Promise.reject(new Error('ill'))),
    'health/2': [
      but(() => {
        throw new Error('ill')
      }),
      but(() => undefined as never),
    ],
    'health/3': [but(async () => {}), but(async (endpoint) => ask(endpoint).catch(async () => Promise.reject(new Error(''))))],
    'health/4': but(async (endpoint, signal) => connected(endpoint, signal)),
    'health/5': but(async ({ host, port }) => {
      await fetch(`http://${host}:${port}`)
    }),
    'health/6': [but(async (endpoint) => ask(endpoint)), but(async (endpoint, signal) => Promise.race([ask(endpoint), new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))]))],
    'health/7': but(async (endpoint, signal) => Promise.race([ask(endpoint), new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(new Error('late'))))])),
    'health/8': but(async (endpoint) => ask(endpoint)),
    'health/9': () => ({ ...keeping(), forget: () => {} }),
    'health/10': but(async ({ host, port }, signal) => ask({ host, port } as Endpoint, signal, new Agent({ keepAlive: true }))),
    'health/11': () => {
      const known = new Set<Endpoint>()
      return { check: async (endpoint, signal) => (known.has(endpoint) ? undefined : void (await ask(endpoint, signal), known.add(endpoint))) }
    },
    'health/12': () => {
      let last: Endpoint
      return {
        async check(endpoint, signal) {
          last = endpoint
          await Promise.resolve()
          await ask(last, signal)
        },
      }
    },
    'health/13': but(async (endpoint, signal) => {
      await ask(endpoint, signal)
      endpoint.lastLatencyMs = 1
    }),
    'health/14': [() => ({ ...asking(), intervalMs: 0 }), () => ({ ...asking(), unhealthyThreshold: 1.5 })],
  },
  { ill: answering(503) },
)
