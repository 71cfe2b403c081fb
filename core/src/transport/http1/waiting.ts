// Those who wait for a connection because their endpoint has as many as it may: in order, not too many, and not for ever.
import { MeshError } from '../../errors.ts'

/** Someone who can be told that it was in vain. */
export interface Waiter {
  onLost(error: MeshError): void
}

export class Waiting<T extends Waiter> {
  readonly #most: number
  readonly #waitMs: number
  /** Who, and until when by the monotonic clock. All wait equally long, so the first is the first to give up. */
  readonly #untilMs = new Map<T, number>()
  #timer: NodeJS.Timeout | undefined = undefined

  /**
   * @param most how many may wait; 0: nobody
   * @param waitMs 0: for ever
   */
  constructor(most: number, waitMs: number) {
    this.#most = most
    this.#waitMs = waitMs
  }

  get size(): number {
    return this.#untilMs.size
  }

  /** Joins the end of the queue; who finds no room, or has waited too long, is told MESH_OVERFLOW. */
  add(waiter: T): void {
    if (this.#untilMs.size >= this.#most) return waiter.onLost(new MeshError('MESH_OVERFLOW', `${this.#most} wait for a connection already`))
    this.#untilMs.set(waiter, performance.now() + this.#waitMs)
    if (this.#waitMs > 0) this.#timer ??= setTimeout(this.#expire, this.#waitMs)
  }

  /** It has given up. */
  remove(waiter: T): void {
    this.#untilMs.delete(waiter)
    if (this.#untilMs.size === 0) this.#stop()
  }

  /** The one whose turn it is, who stays the first. */
  peek(): T | undefined {
    return this.#untilMs.keys().next().value
  }

  /** The one whose turn it is, who waits no more. */
  take(): T | undefined {
    const first = this.peek()
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Nobody waits any more. */
  clear(error: () => MeshError): void {
    for (let waiter = this.take(); waiter !== undefined; waiter = this.take()) waiter.onLost(error())
  }

  readonly #expire = (): void => {
    this.#timer = undefined
    const nowMs = performance.now()
    for (const [waiter, untilMs] of this.#untilMs) {
      // A timer may be a little early.
      if (untilMs > nowMs + 1) {
        this.#timer = setTimeout(this.#expire, untilMs - nowMs)
        return
      }
      this.#untilMs.delete(waiter)
      waiter.onLost(new MeshError('MESH_OVERFLOW', `no connection was free within ${this.#waitMs} ms`))
    }
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
