// The surroundings of a filter under test: everything a guest reaches is in the hands of the test.
import { Buffer } from 'node:buffer'
import type { CallRequest, CallResponse, Exchange } from '@meshwright/core'
import { foreignFunction } from '../host/foreign-functions.ts'
import { propertyBool, propertyInt } from '../host/property-value.ts'
import type { ForeignFunction, GrpcCall, GrpcEvents, PluginSettings, Surroundings } from '../host/surroundings.ts'
import { TestCall, TestGrpcCall, type CallAnswer, type CallError } from './calls.ts'
import type { TestClock } from './clock.ts'
import { TestMetrics, type TestQueues, type TestSharedData } from './guest-state.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'critical'] as const

/** One line that the filter has logged. */
export interface LogLine {
  readonly level: (typeof logLevels)[number]
  readonly text: string
}

/** A text, a whole number, true or false as Envoy hands them out; anything else as bytes. */
export type TestProperty = string | number | bigint | boolean | Uint8Array

/** What all filters have in common that were loaded beside each other. */
export interface TestCommons {
  readonly clock: TestClock
  readonly sharedData: TestSharedData
  readonly queues: TestQueues
}

/** What a test decides of a filter's surroundings. */
export interface TestWorld {
  /** The services that there are. Default: every service that the filter asks for. */
  readonly services?: readonly string[]
  /** Answers calls as they are made; one that it does not answer waits for the test. */
  readonly onCall?: (call: TestCall) => CallAnswer | CallError | undefined
  /** Functions beyond the ABI that the filter may call by name. Those that every mesh has are there anyway. */
  readonly functions?: Readonly<Record<string, (argument: Buffer) => Uint8Array | string>>
  /** Properties that do not depend on a stream, by their path with dots: `node.id`. */
  readonly properties?: Readonly<Record<string, TestProperty>>
  /** Of the random bytes. Default 1. */
  readonly seed?: number
  /** Least level of what is logged. Default `trace`: everything. */
  readonly logLevel?: LogLine['level']
}

export class TestSurroundings implements Surroundings {
  readonly settings: PluginSettings
  readonly logLevel: number
  readonly logs: LogLine[] = []
  readonly calls: TestCall[] = []
  readonly grpcCalls: TestGrpcCall[] = []
  readonly metrics: TestMetrics = new TestMetrics()
  readonly sharedData: TestSharedData
  readonly queues: TestQueues
  readonly #clock: TestClock
  readonly #world: TestWorld
  readonly #settled: () => Promise<void>
  #random: number

  constructor(settings: PluginSettings, { clock, sharedData, queues }: TestCommons, world: TestWorld, settled: () => Promise<void>) {
    this.settings = settings
    this.sharedData = sharedData
    this.queues = queues
    this.logLevel = logLevels.indexOf(world.logLevel ?? 'trace')
    this.#clock = clock
    this.#world = world
    this.#settled = settled
    this.#random = (world.seed ?? 1) | 0 || 1
  }

  log(level: number, text: string): void {
    this.logs.push({ level: logLevels[level] ?? 'info', text })
  }

  now(): bigint {
    return BigInt(Math.round(this.#clock.nowMs * 1_000)) * 1_000n
  }

  /** Never 0: what Go compiles takes that for a clock that does not run, and aborts. */
  monotonic(): bigint {
    return BigInt(Math.round((1 + this.#clock.elapsedMs) * 1_000)) * 1_000n
  }

  /** @source George Marsaglia, "Xorshift RNGs" */
  random(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      this.#random ^= this.#random << 13
      this.#random ^= this.#random >>> 17
      this.#random ^= this.#random << 5
      bytes[at] = this.#random >>> 24
    }
  }

  every(ms: number, tick: () => void): () => void {
    return this.#clock.every(ms, tick)
  }

  hasService(name: string): boolean {
    return this.#world.services?.includes(name) ?? true
  }

  call(service: string, request: CallRequest): Promise<CallResponse> {
    const call = new TestCall(service, request, this.#settled)
    this.calls.push(call)
    const { timeoutMs } = request
    if (timeoutMs !== undefined) call.watch(this.#clock.after(timeoutMs, () => call.give({ error: 'timeout' })))
    const answer = this.#world.onCall?.(call)
    if (answer !== undefined) call.give(answer)
    return call.promise
  }

  callLater(service: string, request: CallRequest): Promise<CallResponse> {
    return this.call(service, request)
  }

  grpc(service: string, path: string, metadata: readonly string[], timeoutMs: number, events: GrpcEvents): GrpcCall | undefined {
    if (!this.hasService(service)) return undefined
    const call = new TestGrpcCall(service, path, metadata, timeoutMs, events, this.#settled)
    this.grpcCalls.push(call)
    return call.handle
  }

  foreign(name: string): ForeignFunction | undefined {
    const own = this.#world.functions?.[name]
    return own === undefined ? foreignFunction(name) : (argument) => Buffer.from(own(argument) as string)
  }

  property(path: readonly string[]): Uint8Array | undefined {
    const { properties } = this.#world
    const name = path.join('.')
    return properties !== undefined && Object.hasOwn(properties, name) ? propertyBytes(properties[name] as TestProperty) : undefined
  }
}

export function propertyBytes(value: TestProperty): Buffer {
  if (typeof value === 'boolean') return propertyBool(value)
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return propertyInt(value)
  if (typeof value !== 'number') return Buffer.from(value as string)
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return bytes
}

/** @internal Properties of a stream, as if a filter before had set them. */
export function keep(exchange: Exchange, properties: Readonly<Record<string, TestProperty>>): void {
  const entries = Object.entries(properties)
  if (entries.length > 0) exchange.state.wasmProperties = new Map(entries.map(([path, value]) => [path, propertyBytes(value)]))
}
