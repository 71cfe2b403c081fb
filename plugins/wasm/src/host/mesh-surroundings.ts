// The surroundings of a guest that works in a mesh.
import { randomFillSync } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { CallRequest, CallResponse, Mesh } from '@meshwright/core'
import type { GrpcClient } from '../grpc/client.ts'
import { foreignFunction } from './foreign-functions.ts'
import { propertyMap, propertyText } from './property-value.ts'
import type { ForeignFunction, GrpcCall, GrpcEvents, GuestMetrics, PluginSettings, SharedData, SharedQueues, Surroundings } from './surroundings.ts'

/** What all plugins of one VM id have in common. */
export interface VmCommons {
  readonly metrics: GuestMetrics
  readonly sharedData: SharedData
  readonly queues: SharedQueues
  /** Undefined: calls are made elsewhere. */
  readonly grpc?: Pick<GrpcClient, 'open'>
}

/** How long a call waits that was made while the plugin started, and how often it looks. */
const startWaitMs = 10_000
const startStepMs = 20

const cluster = 'meshwright'

const levels = ['debug', 'debug', 'info', 'warn', 'error', 'error'] as const

export class MeshSurroundings implements Surroundings {
  readonly settings: PluginSettings
  readonly logLevel: number
  readonly metrics: GuestMetrics
  readonly sharedData: SharedData
  readonly queues: SharedQueues
  readonly #mesh: Mesh
  readonly #grpc: Pick<GrpcClient, 'open'> | undefined

  constructor(mesh: Mesh, settings: PluginSettings, commons: VmCommons, logLevel: number) {
    this.#mesh = mesh
    this.settings = settings
    this.logLevel = logLevel
    this.metrics = commons.metrics
    this.sharedData = commons.sharedData
    this.queues = commons.queues
    this.#grpc = commons.grpc
  }

  log(level: number, text: string): void {
    this.#mesh.log[levels[level] ?? 'info']({ filter: this.settings.name }, text)
  }

  now(): bigint {
    // Microseconds are all that a double of this size has.
    return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1_000)) * 1_000n
  }

  monotonic(): bigint {
    return process.hrtime.bigint()
  }

  random(bytes: Uint8Array): void {
    randomFillSync(bytes)
  }

  every(ms: number, tick: () => void): () => void {
    const timer = setInterval(tick, Math.min(ms, 0x7fff_ffff))
    timer.unref()
    return () => clearInterval(timer)
  }

  hasService(name: string): boolean {
    return this.#mesh.snapshot.services.has(name)
  }

  call(service: string, request: CallRequest): Promise<CallResponse> {
    return this.#mesh.call(service, request)
  }

  async callLater(service: string, request: CallRequest): Promise<CallResponse> {
    for (let waitedMs = 0; waitedMs < startWaitMs && !this.hasService(service); waitedMs += startStepMs) await pause(startStepMs, undefined, { ref: false })
    return this.#mesh.call(service, request)
  }

  grpc(service: string, path: string, metadata: readonly string[], timeoutMs: number, events: GrpcEvents): GrpcCall | undefined {
    return this.#grpc?.open(service, path, metadata, timeoutMs, events)
  }

  foreign(name: string): ForeignFunction | undefined {
    return foreignFunction(name)
  }

  property(path: readonly string[]): Uint8Array | undefined {
    const name = path.join('.').replace(/^xds\./, '')
    if (name === 'node') return propertyMap(['id', hostname(), 'cluster', cluster])
    const value = name.startsWith('node.') && Object.hasOwn(this.#node, name.slice(5)) ? this.#node[name.slice(5)] : undefined
    return value === undefined ? undefined : propertyText(value)
  }

  /** Who this proxy is, as far as it knows. */
  get #node(): Readonly<Record<string, string>> {
    return { id: hostname(), cluster, 'metadata.NAME': hostname() }
  }
}
