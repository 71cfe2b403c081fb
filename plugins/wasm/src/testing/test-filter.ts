// A filter under test: the real module on the real host, and the test as its mesh.
import { Buffer } from 'node:buffer'
import { Headers, Response, type Exchange } from '@meshwright/core'
import { GuestFailure } from '../host/failure.ts'
import type { LoadedModule } from '../host/load.ts'
import type { InstanceSource, VmPool } from '../host/vm-pool.ts'
import type { InstanceOptions } from '../host/vm-instance.ts'
import { WasmFilter, type OnFailure, type WasmEvents } from '../wasm.ts'
import { WasmNetworkFilter } from '../wasm-network-filter.ts'
import type { CallAnswer, CallError, TestCall, TestGrpcCall } from './calls.ts'
import { FilterFailure } from './filter-failure.ts'
import type { TestQueues, TestSharedData } from './guest-state.ts'
import { TestSurroundings, type LogLine, type TestCommons, type TestWorld } from './test-surroundings.ts'
import { loneConnection, passConnection, TestConnection, type TestClient } from './test-connection.ts'
import { exchangeOf, TestStream, type TestRequest } from './test-stream.ts'
import type { PluginSettings } from '../host/surroundings.ts'

// Taken now: a test may put fake timers into the place of these.
const { setImmediate } = globalThis

/** What filters share that were loaded beside each other. */
export interface Neighbourhood extends TestCommons {
  readonly pool: VmPool
  readonly filters: TestFilter[]
}

/** @internal */
export interface FilterParts {
  readonly loaded: LoadedModule
  readonly settings: PluginSettings
  readonly protocol: 'HTTP' | 'TCP'
  readonly instance: InstanceOptions
  /** Undefined: a guest that fails rejects what the test is doing. */
  readonly onFailure: OnFailure | undefined
  readonly world: TestWorld
  readonly neighbourhood: Neighbourhood
}

/** Most rounds of messages between queues, and of answers that set off other calls, until everything has to be at rest. */
const maxRounds = 10_000

export class TestFilter {
  readonly name: string
  /** Everything the filter has logged, the oldest first. */
  readonly logs: readonly LogLine[]
  /** Its calls to services, the oldest first. */
  readonly calls: readonly TestCall[]
  readonly grpcCalls: readonly TestGrpcCall[]
  /** How often the host has called the guest, and how much fuel that has used. */
  readonly used: { readonly calls: number; readonly fuel: number }
  /** How much fuel its start took, initialisers and all. `startFuelMs: 250` lets it use 250000000. */
  startFuel = 0
  /** How often it was started again, with `onFailure: 'reload'`. */
  reloads = 0
  /** @internal */
  readonly neighbourhood: Neighbourhood
  readonly #surroundings: TestSurroundings
  readonly #filter: WasmFilter | WasmNetworkFilter
  readonly #exports: ReadonlySet<string>
  readonly #failsTest: boolean
  readonly #used = { calls: 0, fuel: 0 }
  readonly #streams: TestStream[] = []
  #memoryBytes = 0
  #failure: GuestFailure | undefined = undefined

  /** @internal @throws FilterFailure, RefusedModule */
  constructor({ loaded, settings, protocol, instance, onFailure, world, neighbourhood }: FilterParts) {
    this.name = settings.name
    this.neighbourhood = neighbourhood
    this.used = this.#used
    this.#exports = loaded.exports
    this.#failsTest = onFailure === undefined
    this.#surroundings = new TestSurroundings(settings, neighbourhood, world, () => this.settled())
    this.logs = this.#surroundings.logs
    this.calls = this.#surroundings.calls
    this.grpcCalls = this.#surroundings.grpcCalls
    const source = this.#watched(neighbourhood.pool.source(loaded, this.#surroundings, instance))
    const options = { ...instance, name: settings.name, onFailure: onFailure ?? ('closed' as const) }
    try {
      this.#filter = protocol === 'TCP' ? new WasmNetworkFilter(loaded, source, options, this.#events()) : new WasmFilter(loaded, source, options, this.#events(), (exchange) => this.#rerouted(exchange))
    } catch (thrown) {
      throw thrown instanceof GuestFailure ? new FilterFailure(this.name, thrown, this.logs) : thrown
    }
    neighbourhood.filters.push(this)
  }

  /** Counters and gauges as numbers, histograms as the values they have observed. */
  get metrics(): Readonly<Record<string, number | readonly number[]>> {
    return this.#surroundings.metrics.values
  }

  get sharedData(): TestSharedData {
    return this.neighbourhood.sharedData
  }

  get queues(): TestQueues {
    return this.neighbourhood.queues
  }

  /** The phases that the filter takes part in; a mesh calls it for no other. */
  get phases(): readonly ('request headers' | 'request body' | 'response headers' | 'response body' | 'new connection' | 'downstream data' | 'upstream data')[] {
    const all = this.#filter instanceof WasmFilter ? httpPhases(this.#filter, this.#exports) : tcpPhases(this.#filter)
    return all.filter(([, phase]) => phase !== undefined).map(([name]) => name)
  }

  /** Memory of the VM when its last exchange ended. Bytes. */
  get memoryBytes(): number {
    return this.#memoryBytes
  }

  /** The clock, in milliseconds since 1970. */
  get nowMs(): number {
    return this.neighbourhood.clock.nowMs
  }

  /** A request comes. Resolves when it has passed the filter, was answered by it, or is held by it. @throws Error if the filter was loaded for TCP */
  async request(asked: TestRequest = {}): Promise<TestStream> {
    const stream = new TestStream(this.#forHttp(), asked, this.#streams.length + 1, () => this.settled())
    this.#streams.push(stream)
    return stream.begin()
  }

  /** A client connects. Resolves when the filter has let it pass, holds it, or has closed it. @throws Error if the filter was loaded for HTTP */
  async connection(asked: TestClient = {}): Promise<TestConnection> {
    if (this.#filter instanceof WasmFilter) throw new Error("the filter was loaded for HTTP, and takes requests: for connections load it with { protocol: 'TCP' }")
    return new TestConnection(this.#filter, asked, () => this.settled()).begin()
  }

  /** Answers a call; by default the last one that waits. @throws Error if none does */
  async answer(answer: CallAnswer | CallError, call: TestCall | undefined = this.calls.findLast(({ state }) => state === 'waiting')): Promise<void> {
    if (call === undefined) throw new Error(this.calls.length === 0 ? 'the filter has called nobody' : `none of the filter's calls waits for an answer: ${this.calls.map(({ service, state }) => `${service} (${state})`).join(', ')}`)
    await call.answer(answer)
  }

  /** Time passes: ticks come, and calls run into their timeouts. Milliseconds; the next tick if nothing is said. */
  async advance(ms: number | undefined = this.neighbourhood.clock.nextTickMs): Promise<void> {
    if (ms === undefined) throw new Error('the filter has set no tick: say how many milliseconds are to pass')
    await this.neighbourhood.clock.advance(ms, () => this.settled())
    await this.settled()
  }

  /** The next tick comes. @throws Error if the filter has set none */
  async tick(): Promise<void> {
    await this.advance()
  }

  /** Puts a message into a queue, as another filter would. @throws Error if nobody has registered the queue */
  async enqueue(queue: string, message: string | Buffer, vmId = ''): Promise<void> {
    const id = this.queues.resolve(vmId, queue)
    if (id === undefined) throw new Error(`nobody has registered a queue "${queue}"${vmId === '' ? '' : ` with the vmId "${vmId}"`}`)
    this.queues.enqueue(id, Buffer.from(message as string))
    await this.settled()
  }

  /** @internal Takes empty exchanges, or connections, through the filter, and nothing else. @returns how long they took together, in milliseconds */
  measure(count: number, asked: TestRequest): number {
    const filter = this.#filter
    if (filter instanceof WasmFilter) return timed(count, (at) => exchangeOf(asked, at), (exchange) => pass(filter, exchange))
    return timed(count, loneConnection, (connection) => passConnection(filter, connection))
  }

  #forHttp(): WasmFilter {
    if (this.#filter instanceof WasmFilter) return this.#filter
    throw new Error("the filter was loaded for TCP, and takes connections: for requests load it with { protocol: 'HTTP' }")
  }

  /** The configuration drops the filter: it says good-bye, as soon as its last exchange has ended. */
  async close(): Promise<void> {
    this.#filter.retire()
    await this.settled()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Resolves when everything has happened that can happen without the test. */
  async settled(): Promise<void> {
    for (let round = 0; round < maxRounds; round++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (!this.queues.tellNext()) return this.#failNeighbours()
    }
    throw new Error(`the filters send each other messages without end: more than ${maxRounds}`)
  }

  #failNeighbours(): void {
    for (const filter of this.neighbourhood.filters) filter.#failTest()
  }

  #failTest(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined && this.#failsTest) throw new FilterFailure(this.name, failure, this.logs)
  }

  #rerouted(exchange: Exchange): void {
    const stream = this.#streams.find((one) => one.is(exchange))
    if (stream !== undefined) stream.rerouted++
  }

  /** The same, but that it is seen what starting costs. */
  #watched(source: InstanceSource): InstanceSource {
    return {
      ...source,
      serve: (user) => {
        const serving = source.serve(user)
        this.startFuel = serving.instance.vm.startFuelUsed
        return serving
      },
    }
  }

  #events(): WasmEvents {
    return {
      failed: (failure) => (this.#failure ??= failure),
      reloaded: () => this.reloads++,
      used: (fuel) => {
        this.#used.calls++
        this.#used.fuel += fuel
      },
      paused() {},
      served: (_streams, memoryBytes) => (this.#memoryBytes = memoryBytes),
    }
  }
}

/** What is made is made before the time begins. */
function timed<T>(count: number, make: (at: number) => T, take: (made: T) => void): number {
  const all = Array.from({ length: count }, (_, at) => make(at))
  const startedMs = performance.now()
  for (const one of all) take(one)
  return performance.now() - startedMs
}

function pass(filter: WasmFilter, exchange: Exchange): void {
  const held = filter.onRequestHeaders?.(exchange)
  if (held === undefined) {
    exchange.response = new Response(200, '', new Headers())
    void filter.onResponseHeaders?.(exchange)
  }
  filter.onEnd(exchange)
}

function httpPhases({ onRequestHeaders, onRequestBody, onResponseHeaders, onResponseBody }: WasmFilter, exports: ReadonlySet<string>) {
  // The filter has these phases also for a guest that has not: to see whether it lives, or what its host's are like.
  const request = exports.has('proxy_on_request_headers') ? onRequestHeaders : undefined
  const response = exports.has('proxy_on_response_headers') ? onResponseHeaders : undefined
  return [['request headers', request], ['request body', onRequestBody], ['response headers', response], ['response body', onResponseBody]] as const
}

function tcpPhases({ onDownstreamData, onUpstreamData }: WasmNetworkFilter) {
  return [['new connection', true], ['downstream data', onDownstreamData], ['upstream data', onUpstreamData]] as const
}
