// A mesh for one test: listening on a free port, closed afterwards, and failing the test on errors nobody expected.
import {
  type CreateMeshOptions,
  type ErrorCode,
  type Exchange,
  type Filter,
  type ListenerSpec,
  type MeshApp,
  type RouteSpec,
  type ServiceSpec,
  createMesh,
} from '@meshwright/core'
import { Writable } from 'node:stream'
import { expect, onTestFinished } from 'vitest'
import type { RawRequest } from './message.ts'
import type { RawEndpoint } from './raw-endpoint.ts'
import { rawClient } from './raw-client.ts'
import { until } from './until.ts'
import type { Wire } from './wire.ts'

/** What differs from a mesh with one route for everything, to one service. */
export interface MeshSetup {
  readonly listener?: Partial<ListenerSpec>
  readonly service?: ServiceSpec
  readonly route?: RouteSpec
  /** Filters of the route, in order. */
  readonly filters?: readonly Filter[]
  readonly mesh?: Partial<CreateMeshOptions>
  /** Called before the mesh listens: more services, more routes, Fastify routes. */
  readonly setup?: (app: MeshApp) => void | Promise<void>
  /** The test provokes errors that the mesh must log. Default false: a logged error fails the test. */
  readonly logsErrors?: boolean
}

/** How an exchange ended, kept by a filter's onEnd. */
export interface Ended {
  readonly method: string
  readonly path: string
  readonly code: ErrorCode | undefined
  readonly status: number | undefined
  readonly attempts: number
  readonly requestBytes: number
  readonly responseBytes: number
}

/** A running mesh. */
export interface TestMesh {
  readonly app: MeshApp
  readonly port: number
  /** Exchanges of the default route that are over, oldest first. */
  readonly ended: readonly Ended[]
  /** Logged lines of level error and above. */
  readonly errors: readonly string[]
  /** A raw connection to the listener. */
  connect(): Promise<Wire>
  /** Sends bytes on a new connection and takes the answer. */
  ask(bytes: string, method?: string): Promise<{ wire: Wire; response: Awaited<ReturnType<Wire['response']>> }>
  /** Waits until so many exchanges are over and gives the last of them. */
  exchange(count?: number): Promise<Ended>
}

/** Starts a mesh in front of some endpoints (one service, one route for everything). */
export async function startMesh(endpoints: { address: string } | readonly { address: string }[], more: MeshSetup = {}): Promise<TestMesh> {
  const errors: string[] = []
  const ended: Ended[] = []
  const app = createMesh({ drainMs: 50, ...more.mesh, logger: { level: 'error', stream: lines(errors) } })
  onTestFinished(async () => {
    await app.close()
    if (more.logsErrors !== true) expect(errors, 'errors the mesh has logged').toEqual([])
  })
  const addresses = [endpoints].flat().map((endpoint) => endpoint.address)
  await app.mesh.apply({
    services: { test: { endpoints: addresses, ...more.service } },
    routes: [{ match: { path: '/*' }, to: 'test', ...more.route, filters: [recorder(ended), ...(more.filters ?? [])] }],
  })
  await more.setup?.(app)
  await app.ready()
  const { port } = await app.mesh.listen({ unrouted: 'reply', ...more.listener, address: '127.0.0.1:0' })
  const connect = (): Promise<Wire> => rawClient(port)
  return {
    app,
    port,
    ended,
    errors,
    connect,
    async ask(bytes, method) {
      const wire = (await connect()).send(bytes)
      return { wire, response: await wire.response(method) }
    },
    async exchange(count = 1) {
      await until(() => ended.length >= count, `${count} exchanges to end`)
      return ended[count - 1] as Ended
    },
  }
}

/**
 * The requests an endpoint has seen up to now. A last, harmless request is sent behind whatever the test did, so that
 * anything that was still on its way would have arrived before it is looked for.
 */
export async function seenBy(mesh: TestMesh, endpoint: RawEndpoint): Promise<RawRequest[]> {
  const sentinel = '/sentinel-behind-everything'
  await mesh.ask(`GET ${sentinel} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n`)
  expect(endpoint.problems, 'bytes a proxy must not send').toEqual([])
  return endpoint.requests.filter((request) => request.target !== sentinel)
}

function recorder(ended: Ended[]): Filter {
  return {
    name: 'recorder',
    onEnd(exchange: Exchange) {
      ended.push({
        method: exchange.request.method,
        path: exchange.request.originalPath,
        code: exchange.error?.code,
        status: exchange.response?.status,
        attempts: exchange.attempt,
        requestBytes: exchange.requestBytes,
        responseBytes: exchange.responseBytes,
      })
    },
  }
}

function lines(kept: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      kept.push(...chunk.toString().trim().split('\n'))
      done()
    },
  })
}
