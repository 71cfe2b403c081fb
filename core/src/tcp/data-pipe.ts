// One direction of a connection: bytes from one socket through the filters to the other, each held back by the next.
import type { Duplex } from 'node:stream'
import { isPromise } from '../chain.ts'
import { MeshError } from '../errors.ts'
import type { Awaitable, NetworkFilter } from '../questions.ts'
import { filterFailed, type DataStep } from './network-chain.ts'
import type { DataFrom, TcpConnection } from './tcp-connection.ts'

/** What a pipe tells of itself. */
export interface PipeHost {
  readonly connection: TcpConnection
  /** Bytes came out of the one socket. */
  received(from: DataFrom, bytes: number): void
  /** Bytes went into the other one; 0: it has room again. */
  sent(from: DataFrom, bytes: number): void
  /** A filter has promised an answer. Milliseconds of the monotonic clock. */
  promised(atMs: number): void
  /** What was promised then is there. */
  answered(promisedAtMs: number): void
  fail(error: MeshError): void
}

interface Piece {
  readonly chunk: Uint8Array
  readonly last: boolean
}

/** A filter and what it has not seen yet, as it still thinks about what came before. */
interface Lane extends DataStep {
  busy: boolean
  ended: boolean
  readonly queue: Piece[]
}

const empty = new Uint8Array(0)

export class DataPipe {
  readonly #from: Duplex
  readonly #to: Duplex
  readonly #whose: DataFrom
  readonly #host: PipeHost
  readonly #lanes: readonly Lane[]
  #waiting = 0
  #full = false
  #over = false

  constructor(whose: DataFrom, from: Duplex, to: Duplex, steps: readonly DataStep[], host: PipeHost) {
    this.#whose = whose
    this.#from = from
    this.#to = to
    this.#host = host
    this.#lanes = steps.map((step) => ({ ...step, busy: false, ended: false, queue: [] }))
  }

  start(): void {
    this.#from.on('data', (chunk: Buffer) => {
      this.#host.received(this.#whose, chunk.byteLength)
      this.#enter(0, chunk, false)
    })
    this.#from.on('end', () => this.#enter(0, empty, true))
    this.#to.on('drain', () => {
      this.#full = false
      // Somebody who reads slowly is not idle.
      this.#host.sent(this.#whose, 0)
      this.#flow()
    })
    this.#from.resume()
  }

  /** Nothing goes through it any more; what comes is thrown away. */
  stop(): void {
    this.#over = true
    this.#from.resume()
  }

  /** Bytes that a filter has held back. */
  pass(filter: NetworkFilter, bytes: Uint8Array): void {
    const at = this.#lanes.findIndex((lane) => lane.filter === filter)
    const lane = this.#lanes[at]
    if (lane === undefined || lane.ended || this.#over || bytes.byteLength === 0) return
    this.#enter(at + 1, bytes, false)
  }

  /** From one filter to the next; a promise holds up what comes behind it. */
  #enter(from: number, bytes: Uint8Array, last: boolean): void {
    let chunk = bytes
    for (let i = from; i < this.#lanes.length; i++) {
      if (this.#over) return
      const lane = this.#lanes[i] as Lane
      if (lane.busy) return void lane.queue.push({ chunk, last })
      const answer = this.#ask(lane, chunk, last)
      if (isPromise(answer)) return this.#wait(i, lane, answer, last)
      chunk = answer
      lane.ended = last
      if (chunk.byteLength === 0 && !last) return
    }
    if (!this.#over) this.#out(chunk, last)
  }

  #ask(lane: Lane, chunk: Uint8Array, last: boolean): Awaitable<Uint8Array> {
    try {
      const answer = lane.call(this.#host.connection, chunk, last)
      if (answer === undefined) return chunk
      return isPromise(answer) ? answer.then((later) => this.#checked(lane, later ?? chunk)) : this.#checked(lane, answer)
    } catch (thrown) {
      this.#fail(lane, thrown)
      return empty
    }
  }

  #checked({ filter }: Lane, answer: unknown): Uint8Array {
    if (answer instanceof Uint8Array) return answer
    throw new MeshError('MESH_FILTER_FAILED', `network filter "${filter.name}" returned neither nothing nor bytes`)
  }

  #wait(at: number, lane: Lane, answer: Promise<Uint8Array>, last: boolean): void {
    const nowMs = performance.now()
    lane.busy = true
    this.#waiting++
    this.#host.promised(nowMs)
    this.#from.pause()
    answer.then(
      (chunk) => {
        this.#host.answered(nowMs)
        this.#answered(at, lane, chunk, last)
      },
      (thrown: unknown) => this.#fail(lane, thrown),
    )
  }

  #answered(at: number, lane: Lane, chunk: Uint8Array, last: boolean): void {
    this.#waiting--
    lane.busy = false
    lane.ended = last
    if (chunk.byteLength > 0 || last) this.#enter(at + 1, chunk, last)
    for (let piece = lane.queue.shift(); piece !== undefined; piece = lane.busy ? undefined : lane.queue.shift()) this.#enter(at, piece.chunk, piece.last)
    this.#flow()
  }

  #fail({ filter }: Lane, thrown: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#host.fail(filterFailed(filter, thrown))
  }

  #out(chunk: Uint8Array, last: boolean): void {
    if (chunk.byteLength > 0 && !this.#to.destroyed) {
      this.#host.sent(this.#whose, chunk.byteLength)
      if (!this.#to.write(chunk)) {
        this.#full = true
        this.#from.pause()
      }
    }
    if (last) this.#to.end()
  }

  #flow(): void {
    if (!this.#full && this.#waiting === 0 && !this.#over) this.#from.resume()
  }
}
