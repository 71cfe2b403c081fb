// What a filter shares with others in all threads of the process: data by VM id, and queues; if its module wants them at all.
import { createHash } from 'node:crypto'
import type { AnswerContext, Mesh } from '@meshwright/core'
import { Status } from '../host/status.ts'
import type { SharedData, SharedQueues } from '../host/surroundings.ts'
import { TableData } from './data.ts'
import { queueBytes, TableQueues } from './queues.ts'

export interface Commons {
  readonly sharedData: SharedData
  readonly queues: SharedQueues
}

/** The memory behind them, for those who make them anew in another thread. */
export interface CommonMemory {
  /** Undefined: the module does not want it. */
  readonly data: SharedArrayBuffer | undefined
  readonly queues: SharedArrayBuffer | undefined
}

/**
 * The memory that a module needs; to be called while its filter is made, in every thread.
 * @param dataMb of the data of one VM id; filters with the same share them
 */
export function commonMemory(module: WebAssembly.Module, context: AnswerContext, vmId: string, dataMb: number): CommonMemory {
  const imports = new Set(WebAssembly.Module.imports(module).map(({ name }) => name))
  const wants = (...names: string[]): boolean => names.some((name) => imports.has(name))
  // A name has so many characters and no more; an id has as many as it likes.
  const id = createHash('sha256').update(vmId).digest('hex')
  return {
    data: wants('proxy_get_shared_data', 'proxy_set_shared_data') ? context.shared(`data ${id}`, dataMb * 1_048_576) : undefined,
    queues: wants('proxy_register_shared_queue', 'proxy_resolve_shared_queue', 'proxy_enqueue_shared_queue', 'proxy_dequeue_shared_queue') ? context.shared('queues', queueBytes) : undefined,
  }
}

/** One of each for all filters of a thread that share the memory. */
export class ThreadCommons {
  readonly #data = new WeakMap<SharedArrayBuffer, SharedData>()
  readonly #queues = new WeakMap<SharedArrayBuffer, SharedQueues>()
  readonly #full: (what: 'data' | 'queue') => void

  /** @param full called when there is no room for a value or a message */
  constructor(full: (what: 'data' | 'queue') => void) {
    this.#full = full
  }

  of(memory: CommonMemory): Commons {
    return {
      sharedData: memory.data === undefined ? noData : this.#dataIn(memory.data),
      queues: memory.queues === undefined ? noQueues : this.#queuesIn(memory.queues),
    }
  }

  #dataIn(memory: SharedArrayBuffer): SharedData {
    const known = this.#data.get(memory) ?? new TableData(memory, () => this.#full('data'))
    this.#data.set(memory, known)
    return known
  }

  #queuesIn(memory: SharedArrayBuffer): SharedQueues {
    const known = this.#queues.get(memory) ?? new TableQueues(memory, () => this.#full('queue'))
    this.#queues.set(memory, known)
    return known
  }
}

/** Counts what did not fit. */
export function countFull(mesh: Mesh): (what: 'data' | 'queue') => void {
  const help = 'Times that there was no room for what a WASM filter wanted to share'
  return (what) => mesh.metrics.counter('mesh_wasm_shared_full_total', help, { what }).inc()
}

/** Of modules that have no function to ask for more. */
const noData: SharedData = { get: () => undefined, set: () => Status.internalFailure }
const noQueues: SharedQueues = { register: () => undefined, resolve: () => undefined, enqueue: () => Status.notFound, dequeue: () => Status.notFound, unregister() {} }
