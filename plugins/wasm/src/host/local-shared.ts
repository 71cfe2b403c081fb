// Shared data and queues within one thread: for meshes without workers, and for tests.
import type { Buffer } from 'node:buffer'
import { Status } from './status.ts'
import type { SharedData, SharedQueues } from './surroundings.ts'

/** What the guests of one VM id may keep. */
const maxBytes = 64 * 1024 * 1024
const maxQueues = 1_000

let cas = 0

/** Increasing, never 0. */
function nextCas(): number {
  cas = cas === 0xffff_ffff ? 1 : cas + 1
  return cas
}

export class LocalSharedData implements SharedData {
  readonly #entries = new Map<string, { readonly value: Buffer; readonly cas: number }>()
  #bytes = 0

  get(key: string): { readonly value: Buffer; readonly cas: number } | undefined {
    return this.#entries.get(key)
  }

  set(key: string, value: Buffer, expected: number): Status {
    const known = this.#entries.get(key)
    if (known !== undefined && expected !== 0 && expected !== known.cas) return Status.casMismatch
    const bytes = this.#bytes + value.byteLength - (known === undefined ? -key.length : known.value.byteLength)
    if (bytes > maxBytes) return Status.internalFailure
    this.#bytes = bytes
    this.#entries.set(key, { value, cas: nextCas() })
    return Status.ok
  }
}

interface Queue {
  readonly messages: Buffer[]
  bytes: number
  ready: ((id: number) => void) | undefined
}

export class LocalQueues implements SharedQueues {
  readonly #ids = new Map<string, number>()
  readonly #queues = new Map<number, Queue>()

  register(vmId: string, name: string, ready: (id: number) => void): number | undefined {
    const key = `${vmId}\0${name}`
    let id = this.#ids.get(key)
    if (id === undefined) {
      if (this.#ids.size >= maxQueues) return undefined
      id = this.#ids.size + 1
      this.#ids.set(key, id)
      this.#queues.set(id, { messages: [], bytes: 0, ready })
    }
    ;(this.#queues.get(id) as Queue).ready = ready
    return id
  }

  resolve(vmId: string, name: string): number | undefined {
    return this.#ids.get(`${vmId}\0${name}`)
  }

  enqueue(id: number, message: Buffer): Status {
    const queue = this.#queues.get(id)
    if (queue === undefined) return Status.notFound
    if (queue.bytes + message.byteLength > maxBytes) return Status.internalFailure
    queue.bytes += message.byteLength
    queue.messages.push(message)
    // Not from inside of a guest, and not without end in one turn.
    setImmediate(() => queue.ready?.(id))
    return Status.ok
  }

  dequeue(id: number): Buffer | Status {
    const queue = this.#queues.get(id)
    if (queue === undefined) return Status.notFound
    const message = queue.messages.shift()
    if (message === undefined) return Status.empty
    queue.bytes -= message.byteLength
    return message
  }

  unregister(ready: (id: number) => void): void {
    for (const queue of this.#queues.values()) if (queue.ready === ready) queue.ready = undefined
  }
}
