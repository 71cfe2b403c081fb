// Shared memory as a data-plane thread has it: what the supervisor has told it of.
import { MeshError } from '../errors.ts'
import { blockKey, type SharedMemory } from '../shared-memory.ts'

/**
 * The supervisor makes every answer of a configuration before any thread does, and tells the threads of the memory that
 * was asked for, ahead of the configuration. So a thread never waits: what it asks for is here.
 */
export class ToldMemory implements SharedMemory {
  readonly #buffers = new Map<string, SharedArrayBuffer>()

  hear(key: string, buffer: SharedArrayBuffer | undefined): void {
    if (buffer === undefined) this.#buffers.delete(key)
    else this.#buffers.set(key, buffer)
  }

  take(name: string, bytes: number): SharedArrayBuffer {
    const buffer = this.#buffers.get(blockKey(name, bytes))
    if (buffer === undefined) throw new MeshError('MESH_WORKER_FAILED', `shared memory "${name}" of ${bytes} bytes was not asked for when the supervisor made the same answer`)
    return buffer
  }

  /** The supervisor alone decides what is forgotten. */
  begin(): void {}

  end(): void {}
}
