// One data-plane thread as the supervisor holds it: its messages, its calls, its end.
import { Worker } from 'node:worker_threads'
import { MeshError } from '../errors.ts'
import { fromPlainError, pulseSlots, type Answers, type Call, type FromWorker, type ToWorker, type WorkerStart } from './protocol.ts'

/** Why a thread ended, as the metric says it. */
export type EndReason = 'stuck' | 'exception' | 'memory' | 'exit'

export interface ThreadEvents {
  /** Everything it says but answers. */
  heard(message: Exclude<FromWorker, { kind: 'answer' }>): void
  /** It is gone; `error`: what it died of, if it was that. */
  ended(reason: EndReason, error: Error | undefined): void
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

// Sources run unbuilt as .ts and built as .js; the thread inherits the conditions of this process.
const entry = new URL(import.meta.url.endsWith('.ts') ? './worker-entry.ts' : './worker-entry.js', import.meta.url)

export class WorkerThread {
  readonly threadId: number
  readonly #worker: Worker
  readonly #pulse: Int32Array
  readonly #calls = new Map<number, Pending>()
  readonly #events: ThreadEvents
  #lastCall = 0
  #reason: EndReason = 'exit'
  #error: Error | undefined = undefined

  /** @param maxOldGenerationSizeMb of V8's heap; undefined: as for the process */
  constructor(start: Omit<WorkerStart, 'pulse'>, maxOldGenerationSizeMb: number | undefined, events: ThreadEvents) {
    const pulse = new SharedArrayBuffer(Object.keys(pulseSlots).length * Int32Array.BYTES_PER_ELEMENT)
    this.#pulse = new Int32Array(pulse)
    this.#events = events
    this.#worker = new Worker(entry, {
      name: `mesh-${start.worker}`,
      workerData: { ...start, pulse } satisfies WorkerStart,
      ...(maxOldGenerationSizeMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb } }),
    })
    this.threadId = this.#worker.threadId
    this.#worker.on('message', (message: FromWorker) => this.#hear(message))
    this.#worker.on('error', (error: NodeJS.ErrnoException) => this.#died(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'exception', error))
    this.#worker.on('exit', () => this.#ended())
  }

  /** A number from its pulse. */
  read(slot: keyof typeof pulseSlots): number {
    return Atomics.load(this.#pulse, pulseSlots[slot])
  }

  tell(message: Exclude<ToWorker, { kind: 'call' }>): void {
    this.#worker.postMessage(message)
  }

  /** @throws the thread's own error, or MESH_WORKER_FAILED if it ends before it has answered */
  async ask<K extends Call['kind']>(call: Extract<Call, { kind: K }>): Promise<Answers[K]> {
    const id = ++this.#lastCall
    const answer = new Promise<unknown>((resolve, reject) => this.#calls.set(id, { resolve, reject }))
    this.#worker.postMessage({ kind: 'call', id, call } satisfies ToWorker)
    return (await answer) as Answers[K]
  }

  /** Ends it now, whatever it is doing. */
  async end(reason: EndReason = 'exit'): Promise<void> {
    this.#reason = reason
    await this.#worker.terminate()
  }

  #hear(message: FromWorker): void {
    if (message.kind !== 'answer') return this.#events.heard(message)
    const pending = this.#calls.get(message.id)
    this.#calls.delete(message.id)
    if (message.error === undefined) pending?.resolve(message.value)
    else pending?.reject(fromPlainError(message.error))
  }

  #died(reason: EndReason, error: Error): void {
    this.#reason = reason
    this.#error = error
  }

  #ended(): void {
    const error = new MeshError('MESH_WORKER_FAILED', `the thread ended (${this.#reason})`, this.#error)
    for (const pending of this.#calls.values()) pending.reject(error)
    this.#calls.clear()
    this.#events.ended(this.#reason, this.#error)
  }
}
