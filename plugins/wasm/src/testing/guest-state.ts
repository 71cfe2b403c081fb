// What filters keep beyond a stream, where a test can see it: metrics, shared data, queues.
import { Buffer } from 'node:buffer'
import { MetricType, Status } from '../host/status.ts'
import type { GuestMetrics, SharedData, SharedQueues } from '../host/surroundings.ts'

interface Metric {
  readonly type: number
  readonly name: string
  value: bigint
  readonly observed: number[]
}

export class TestMetrics implements GuestMetrics {
  readonly #metrics = new Map<number, Metric>()

  /** The value of a counter or a gauge, the values that a histogram has observed. */
  get values(): Readonly<Record<string, number | readonly number[]>> {
    return Object.fromEntries([...this.#metrics.values()].map(({ type, name, value, observed }) => [name, type === MetricType.histogram ? observed : Number(value)]))
  }

  define(type: number, name: string): number {
    for (const [id, known] of this.#metrics) if (known.type === type && known.name === name) return id
    const id = (this.#metrics.size + 1) * 4 + type
    this.#metrics.set(id, { type, name, value: 0n, observed: [] })
    return id
  }

  increment(id: number, by: bigint): Status {
    const metric = this.#metrics.get(id)
    if (metric === undefined) return Status.notFound
    if (metric.type === MetricType.histogram || (metric.type === MetricType.counter && by <= 0n)) return Status.badArgument
    metric.value += by
    return Status.ok
  }

  record(id: number, value: bigint): Status {
    const metric = this.#metrics.get(id)
    if (metric === undefined) return Status.notFound
    if (metric.type === MetricType.counter) metric.value += value
    else metric.value = value
    if (metric.type === MetricType.histogram) metric.observed.push(Number(value))
    return Status.ok
  }

  get(id: number): bigint | Status {
    const metric = this.#metrics.get(id)
    if (metric === undefined) return Status.notFound
    return metric.type === MetricType.histogram ? Status.badArgument : metric.value
  }
}

/** Data that filters of one `vmId` share. */
export class TestSharedData implements SharedData {
  readonly #entries = new Map<string, { readonly value: Buffer; readonly cas: number }>()
  #cas = 0

  /** Keys, in the order in which they were first set. */
  get keys(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /** A value as text; undefined: there is none. */
  text(key: string): string | undefined {
    return this.#entries.get(key)?.value.toString()
  }

  /** Sets a value as another filter would. */
  put(key: string, value: string | Uint8Array): void {
    this.set(key, Buffer.from(value as string), 0)
  }

  get(key: string): { readonly value: Buffer; readonly cas: number } | undefined {
    return this.#entries.get(key)
  }

  set(key: string, value: Buffer, cas: number): Status {
    const known = this.#entries.get(key)
    if (known !== undefined && cas !== 0 && cas !== known.cas) return Status.casMismatch
    this.#entries.set(key, { value: Buffer.from(value), cas: ++this.#cas })
    return Status.ok
  }
}

interface Queue {
  readonly messages: Buffer[]
  ready: ((id: number) => void) | undefined
}

/** Queues between filters. Whoever listens is told when the test lets things settle. */
export class TestQueues implements SharedQueues {
  readonly #ids = new Map<string, number>()
  readonly #queues = new Map<number, Queue>()
  readonly #untold: number[] = []

  /** What waits in a queue, as text. */
  messages(name: string, vmId = ''): readonly string[] {
    const id = this.resolve(vmId, name)
    return (id === undefined ? [] : (this.#queues.get(id)?.messages ?? [])).map(String)
  }

  /** Tells one listener of one message; answers whether there was something to tell. */
  tellNext(): boolean {
    const id = this.#untold.shift()
    if (id === undefined) return false
    this.#queues.get(id)?.ready?.(id)
    return true
  }

  register(vmId: string, name: string, ready: (id: number) => void): number {
    const id = this.#ids.get(`${vmId}\0${name}`) ?? this.#ids.size + 1
    this.#ids.set(`${vmId}\0${name}`, id)
    this.#queues.set(id, { messages: this.#queues.get(id)?.messages ?? [], ready })
    return id
  }

  resolve(vmId: string, name: string): number | undefined {
    return this.#ids.get(`${vmId}\0${name}`)
  }

  enqueue(id: number, message: Buffer): Status {
    const queue = this.#queues.get(id)
    if (queue === undefined) return Status.notFound
    queue.messages.push(Buffer.from(message))
    this.#untold.push(id)
    return Status.ok
  }

  dequeue(id: number): Buffer | Status {
    const queue = this.#queues.get(id)
    if (queue === undefined) return Status.notFound
    return queue.messages.shift() ?? Status.empty
  }

  unregister(ready: (id: number) => void): void {
    for (const queue of this.#queues.values()) if (queue.ready === ready) queue.ready = undefined
  }
}
