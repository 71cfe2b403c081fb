// The other thread's side: runs filters on exchanges that cross over, and asks for the rest of the world by messages. The entry of a pool's thread.
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { CallResponse, Headers } from '@meshwright/core'
import type { Status } from '../host/status.ts'
import type { GrpcCall, GrpcEvents } from '../host/surroundings.ts'
import { IdTable } from '../id-table.ts'
import { ThreadCommons } from '../shared/commons.ts'
import { receiveError, unpackFields, unpackTrailers } from './fields.ts'
import { marks, type FilterStart, type ForeignReply, type News, type Outcome, type PhaseCall, type Side, type Task, type ToThread } from './messages.ts'
import { ThreadFilter } from './thread-filter.ts'
import { threadGuest, type FilterThread, type ThreadResident } from './thread-guest.ts'
import { ThreadNetworkFilter } from './thread-network-filter.ts'
import { toBuffer } from './thread-surroundings.ts'

class Thread implements FilterThread {
  services: ReadonlySet<string> = new Set()
  readonly #port: MessagePort
  readonly #replies: MessagePort
  readonly #marks: Int32Array<SharedArrayBuffer>
  readonly #commons = new ThreadCommons(() => {})
  readonly #filters = new Map<number, ThreadResident<unknown>>()
  readonly #asked = new IdTable<PromiseWithResolvers<unknown>>()
  readonly #grpc = new IdTable<GrpcEvents>()
  /** Filters that were to say good-bye before they had begun: starts and messages come on ways of their own. */
  readonly #leaving = new Set<number>()
  #news: News[] = []
  #isInside = false
  /** When the guest was entered, later by what it has waited since. */
  #enteredMs = 0
  #lastId = 0

  constructor({ port, replies, marks: both }: Extract<Task, { kind: 'open' }>) {
    this.#port = port
    this.#replies = replies
    this.#marks = both
    port.on('message', (message: ToThread) => this.#hear(message))
  }

  start(start: FilterStart, services: readonly string[]): void {
    this.services = new Set(services)
    const guest = threadGuest(start, this, this.#commons.of(start.memory))
    this.#filters.set(start.filter, new (start.protocol === 'TCP' ? ThreadNetworkFilter : ThreadFilter)(start.filter, guest, this))
    if (this.#leaving.delete(start.filter)) this.#retire(start.filter)
  }

  /** The outcomes that are there at once; the others come as news. */
  run(calls: readonly PhaseCall[], services: readonly string[] | undefined): Outcome[] {
    if (services !== undefined) this.services = new Set(services)
    const outcomes: Outcome[] = []
    for (const call of calls) {
      const outcome = this.enter(() => this.#filters.get(call.filter)?.run(call))
      if (outcome === undefined) continue
      if (outcome instanceof Promise) void outcome.then((later) => this.tell({ kind: 'outcome', outcome: later }))
      else outcomes.push(outcome)
    }
    // Log lines and the like are there before what follows from them.
    this.#flush()
    return outcomes
  }

  // -- Outside

  tell(news: News): void {
    if (this.#news.push(news) === 1) setImmediate(() => this.#flush())
  }

  async ask(news: (id: number) => News, signal?: AbortSignal): Promise<CallResponse> {
    const id = ++this.#lastId
    const answer = Promise.withResolvers<unknown>()
    this.#asked.set(id, answer)
    this.tell(news(id))
    signal?.addEventListener('abort', () => this.tell({ kind: 'abort', id }), { once: true })
    return (await answer.promise) as CallResponse
  }

  async read(stream: number, of: Side, maxBytes: number): Promise<{ readonly body: Uint8Array; readonly trailers: Headers | undefined }> {
    return this.ask((id) => ({ kind: 'read', id, stream, of, maxBytes }))
  }

  foreign(filter: number, name: string, argument: Uint8Array): Uint8Array | Status {
    const answered = Atomics.load(this.#marks, marks.answered)
    const askedMs = performance.now()
    Atomics.add(this.#marks, marks.asked, 1)
    // Whatever was told before is to be known over there before.
    this.#flush([{ kind: 'foreign', filter, name, argument, ranMs: askedMs - this.#enteredMs }])
    // Again, as it may be woken late, for the answer before.
    while (Atomics.load(this.#marks, marks.answered) === answered) Atomics.wait(this.#marks, marks.answered, answered)
    this.#enteredMs += performance.now() - askedMs
    const reply = (receiveMessageOnPort(this.#replies) as { message: ForeignReply }).message
    if ('thrown' in reply) throw new Error(reply.thrown)
    return 'bytes' in reply ? toBuffer(reply.bytes) : (reply.status as Status)
  }

  grpc(news: (id: number) => News, events: GrpcEvents): GrpcCall {
    const id = ++this.#lastId
    this.#grpc.set(id, events)
    this.tell(news(id))
    return {
      send: (message, last) => this.tell({ kind: 'grpcSend', id, message, last }),
      end: () => this.tell({ kind: 'grpcEnd', id }),
      cancel: () => {
        this.#grpc.delete(id)
        this.tell({ kind: 'grpcCancel', id })
      },
    }
  }

  /** Until the end of the turn, as promises go on in it too; each time is a call of its own. */
  enter<T>(work: () => T): T {
    Atomics.add(this.#marks, marks.entered, this.#isInside ? 2 : 1)
    if (!this.#isInside) setImmediate(() => this.#leave())
    this.#isInside = true
    this.#enteredMs = performance.now()
    return work()
  }

  // -- private

  #flush(more: readonly News[] = []): void {
    const news = this.#news.concat(more)
    this.#news = []
    if (news.length > 0) this.#port.postMessage(news)
  }

  #leave(): void {
    this.#isInside = false
    Atomics.add(this.#marks, marks.entered, 1)
  }

  #hear(message: ToThread): void {
    switch (message.kind) {
      case 'services':
        this.services = new Set(message.services)
        break
      case 'retire':
        this.#retire(message.filter)
        break
      case 'answer':
        this.#resolve(message.id, { status: message.status, headers: unpackFields(message.headers), body: message.body, trailers: unpackTrailers(message.trailers) })
        break
      case 'body':
        this.#resolve(message.id, { body: message.body, trailers: unpackTrailers(message.trailers) })
        break
      case 'failed':
        this.enter(() => this.#asked.get(message.id)?.reject(receiveError(message.error)))
        this.#asked.delete(message.id)
        break
      default:
        this.enter(() => this.#hearGrpc(message))
    }
  }

  #retire(filter: number): void {
    const known = this.#filters.get(filter)
    if (known === undefined) this.#leaving.add(filter)
    else this.enter(() => known.retire())
  }

  #resolve(id: number, value: unknown): void {
    this.enter(() => this.#asked.get(id)?.resolve(value))
    this.#asked.delete(id)
  }

  #hearGrpc(message: Extract<ToThread, { kind: 'grpcFields' | 'grpcMessage' | 'grpcClosed' }>): void {
    const events = this.#grpc.get(message.id)
    if (message.kind === 'grpcMessage') events?.message(toBuffer(message.message))
    else if (message.kind === 'grpcClosed') events?.closed(message.status, message.message)
    else if (message.which === 'initial') events?.initialMetadata(message.fields)
    else events?.trailingMetadata(message.fields)
    if (message.kind === 'grpcClosed') this.#grpc.delete(message.id)
  }
}

let thread: Thread | undefined

/** What the pool calls. */
export default function run(task: Task): Outcome[] {
  if (task.kind === 'open') thread = new Thread(task)
  else if (task.kind === 'start') thread?.start(task.start, task.services)
  else return thread?.run(task.calls, task.services) ?? []
  return []
}
