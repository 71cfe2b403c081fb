// Memory that all data-plane threads of a process have in common, by name.
import { MeshError } from './errors.ts'

/** Where answers get memory from that they share with those of the same name in other threads, and after a reload. */
export interface SharedMemory {
  /**
   * @param lasting what asks outlives every configuration
   * @throws MESH_BAD_OPTIONS, MESH_SHARED_MEMORY_FULL, MESH_WORKER_FAILED
   */
  take(name: string, bytes: number, lasting: boolean): SharedArrayBuffer
  /** A configuration is compiled: what is asked for from now on is what it uses. */
  begin(): void
  /** It is in force, and what it does not use is forgotten; or it was refused, and what only it asked for is. */
  end(isInForce: boolean): void
}

/** A piece of memory for those who keep it by their own: its key, and undefined once nobody uses it any more. */
export type BlockNews = (key: string, buffer: SharedArrayBuffer | undefined) => void

interface Block {
  readonly buffer: SharedArrayBuffer
  /** The configuration it was made for, counted from 1. */
  readonly made: number
  /** The last configuration that has used it; Infinity: it is never forgotten. */
  used: number
}

const maxNameLength = 256
const maxBlocks = 1000
const maxBytes = 2 ** 28

/** What makes a block: memory of another size is other memory. */
export function blockKey(name: string, bytes: number): string {
  return `${bytes} ${name}`
}

/** The memory itself: of a process with one thread, or of the supervisor, which tells the threads. */
export class SharedBlocks implements SharedMemory {
  readonly #blocks = new Map<string, Block>()
  #tell: BlockNews = () => {}
  #generation = 0
  #bytes = 0

  /** Everything there is. */
  get all(): ReadonlyMap<string, { readonly buffer: SharedArrayBuffer }> {
    return this.#blocks
  }

  /** Calls `tell` with everything that changes from now on. */
  follow(tell: BlockNews): void {
    this.#tell = tell
  }

  take(name: string, bytes: number, lasting: boolean): SharedArrayBuffer {
    checkAsked(name, bytes)
    const key = blockKey(name, bytes)
    const block = this.#blocks.get(key) ?? this.#make(key, bytes)
    block.used = lasting ? Infinity : Math.max(block.used, this.#generation)
    return block.buffer
  }

  begin(): void {
    this.#generation++
  }

  end(isInForce: boolean): void {
    for (const [key, { used, made }] of this.#blocks) {
      if (used === Infinity) continue
      if (isInForce ? used < this.#generation : made === this.#generation) this.#forget(key)
    }
  }

  #make(key: string, bytes: number): Block {
    if (this.#blocks.size >= maxBlocks) throw new MeshError('MESH_SHARED_MEMORY_FULL', `there are ${maxBlocks} pieces already`)
    if (this.#bytes + bytes > maxBytes) throw new MeshError('MESH_SHARED_MEMORY_FULL', `${bytes} bytes are asked for, and ${this.#bytes} of ${maxBytes} are taken`)
    const block = { buffer: new SharedArrayBuffer(bytes), made: this.#generation, used: 0 }
    this.#blocks.set(key, block)
    this.#bytes += bytes
    this.#tell(key, block.buffer)
    return block
  }

  /** Whoever still holds the memory keeps it. */
  #forget(key: string): void {
    this.#bytes -= this.#blocks.get(key)?.buffer.byteLength ?? 0
    this.#blocks.delete(key)
    this.#tell(key, undefined)
  }
}

function checkAsked(name: unknown, bytes: unknown): void {
  if (typeof name !== 'string' || name.length > maxNameLength) throw new MeshError('MESH_BAD_OPTIONS', `shared memory has a name of up to ${maxNameLength} characters`)
  if (!Number.isInteger(bytes) || (bytes as number) < 1) throw new MeshError('MESH_BAD_OPTIONS', `shared memory is 1 byte or more, not ${String(bytes)}`)
}
