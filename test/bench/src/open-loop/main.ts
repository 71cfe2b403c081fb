// A load at a fixed rate: requests leave when they are due, whether or not earlier ones have been answered, and are timed from then.
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Histogram } from '../histogram.ts'
import { Client } from './client.ts'

/** Requests per second for some seconds, after others that do not count. */
interface Plan {
  readonly rate: number
  readonly seconds: number
  readonly leadSeconds: number
}

class OpenLoop {
  readonly latency = new Histogram()
  /** How long after they were due requests left. */
  readonly lateness = new Histogram()
  /** The first thing that went wrong. */
  failure: Error | undefined
  readonly #idle: Client[] = []
  /** When the requests were due that wait for a connection. */
  readonly #waiting: number[] = []
  #outstanding = 0
  #countFromMs = Infinity

  get isOver(): boolean {
    return this.#outstanding === 0 || this.failure !== undefined
  }

  async connect(port: number, path: string, connections: number): Promise<void> {
    const answered = (client: Client, dueMs: number, error?: Error): void => this.#answered(client, dueMs, error)
    this.#idle.push(...(await Promise.all(Array.from({ length: connections }, () => Client.open(port, path, answered)))))
  }

  /** @param beat a counter that changes several times in each millisecond */
  async run({ rate, seconds, leadSeconds }: Plan, beat: Int32Array<SharedArrayBuffer>): Promise<void> {
    const startMs = performance.now() + 50
    this.#countFromMs = startMs + leadSeconds * 1000
    const total = Math.round(rate * leadSeconds) + Math.round(rate * seconds)
    const dueMs = (index: number): number => startMs + (index * 1000) / rate
    for (let sent = 0; sent < total && this.failure === undefined; ) {
      const nowMs = performance.now()
      while (sent < total && dueMs(sent) <= nowMs) this.#send(dueMs(sent++))
      await nextBeat(beat)
    }
    const lastMs = performance.now() + 10_000
    while (!this.isOver && performance.now() < lastMs) await delay(5)
    if (!this.isOver) this.failure = new Error(`${this.#outstanding} requests were never answered`)
  }

  #send(dueMs: number): void {
    this.#outstanding++
    const client = this.#idle.shift()
    if (client === undefined) this.#waiting.push(dueMs)
    else this.#sendOn(client, dueMs)
  }

  #sendOn(client: Client, dueMs: number): void {
    if (dueMs >= this.#countFromMs) this.lateness.record((performance.now() - dueMs) * 1000)
    client.send(dueMs)
  }

  #answered(client: Client, dueMs: number, error?: Error): void {
    this.#outstanding--
    this.failure ??= error
    if (dueMs >= this.#countFromMs) this.latency.record((performance.now() - dueMs) * 1000)
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(client)
    else this.#sendOn(client, next)
  }
}

async function nextBeat(beat: Int32Array<SharedArrayBuffer>): Promise<void> {
  const next = Atomics.waitAsync(beat, 0, Atomics.load(beat, 0), 100)
  if (next.async) await next.value
}

function startPacer(): Int32Array<SharedArrayBuffer> {
  const beat = new Int32Array(new SharedArrayBuffer(4))
  const pacer = new Worker(new URL('./pacer.ts', import.meta.url), { workerData: { beat, everyMs: 0.25 } })
  pacer.once('error', (error) => {
    throw error
  })
  return beat
}

const path = process.argv[2] ?? '/'
const [port, connections, rate, seconds, leadSeconds] = process.argv.slice(3).map(Number) as [number, number, number, number, number]
const loop = new OpenLoop()
await loop.connect(port, path, connections)
await loop.run({ rate, seconds, leadSeconds }, startPacer())
const report = { counts: loop.latency.counts, lateP99Us: loop.lateness.percentileUs(0.99), failure: loop.failure?.message }
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit())
