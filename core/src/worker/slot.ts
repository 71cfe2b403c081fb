// The place of one data-plane thread: it is filled again whenever its thread is stuck or dead.
import type { Logger } from '../logger.ts'
import type { Bound } from '../scope.ts'
import { BackOff } from './back-off.ts'
import type { WorkerState } from './plane.ts'
import { fromPlainError, type Answers, type Call, type FromWorker, type RestMessage, type ToWorker, type WorkerStart } from './protocol.ts'
import { writeRemote } from './remote-log.ts'
import type { Watched } from './watchdog.ts'
import { WorkerThread, type EndReason } from './worker-thread.ts'

/** What a slot needs of its supervisor. */
export interface SlotHost {
  readonly log: Logger
  readonly maxOldGenerationSizeMb: number | undefined
  /** True: a thread that ends is not replaced. */
  readonly stopping: boolean
  /** Whether a thread can listen while the one it replaces still does. */
  readonly sharesPorts: boolean
  start(worker: number): Omit<WorkerStart, 'pulse'>
  /** Everything a new thread has to be told before its first configuration. */
  news(): Exclude<ToWorker, { kind: 'call' }>[]
  /** What a new thread is to run; undefined before the first. */
  configuration(): Extract<Call, { kind: 'apply' }> | undefined
  rested(message: RestMessage, from: Slot): void
  hadTraffic(service: string): void
  metrics(source: string, message: Extract<FromWorker, { kind: 'metrics' }>): void
  retired(source: string): void
  restarted(reason: EndReason): void
}

/** How often a slot looks whether there is a configuration to begin with. */
const patienceMs = 100

/** A thread and what is known of it. */
export class Living implements Watched {
  readonly thread: WorkerThread
  readonly startedMs: number = performance.now()
  /** Its name among the sources of metrics: no two threads share one. */
  readonly source: string
  error: string | undefined = undefined
  /** An exception was not caught in it. */
  isFailing = false

  constructor(worker: number, make: (living: Living) => WorkerThread) {
    this.thread = make(this)
    this.source = `worker-${worker}-${this.thread.threadId}`
  }

  get beats(): number {
    return this.thread.read('beats')
  }
}

export class Slot {
  readonly worker: number
  readonly #host: SlotHost
  readonly #backOff = new BackOff()
  /** Those that fail and end their last exchanges. */
  readonly #leaving = new Set<Living>()
  #current: Living | undefined = undefined
  #isServing = false
  #restarts = 0
  #lastReason: EndReason | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(worker: number, host: SlotHost) {
    this.worker = worker
    this.#host = host
  }

  /** Threads that are alive, those that leave too. */
  get threads(): readonly Living[] {
    return this.#current === undefined ? [...this.#leaving] : [this.#current, ...this.#leaving]
  }

  get isServing(): boolean {
    return this.#isServing
  }

  /** Starts its first thread, which waits for a configuration. */
  spawn(): void {
    const living: Living = new Living(this.worker, (self) => {
      return new WorkerThread(this.#host.start(this.worker), this.#host.maxOldGenerationSizeMb, {
        heard: (message) => this.#heard(self, message),
        ended: (reason, error) => this.#ended(self, reason, error),
      })
    })
    this.#current = living
    this.#isServing = false
    for (const news of this.#host.news()) living.thread.tell(news)
  }

  tell(message: Exclude<ToWorker, { kind: 'call' }>): void {
    for (const { thread } of this.threads) thread.tell(message)
  }

  /** Has its thread take a configuration over. Undefined if there is none now: the next one begins with it. @throws the thread's error */
  async take(call: Extract<Call, { kind: 'apply' }>): Promise<readonly Bound[] | undefined> {
    const living = this.#current
    if (living === undefined) return undefined
    try {
      const bound = await living.thread.ask(call)
      living.error = undefined
      if (this.#current === living) this.#isServing = true
      return bound
    } catch (thrown) {
      living.error = (thrown as Error).message
      throw thrown
    }
  }

  /** Asks all its threads; those that end instead of answering are left out. */
  async askAll<K extends Call['kind']>(call: Extract<Call, { kind: K }>): Promise<Answers[K][]> {
    const answers = await Promise.allSettled(this.threads.map(async ({ thread }) => thread.ask(call)))
    return answers.filter((answer) => answer.status === 'fulfilled').map((answer) => answer.value)
  }

  async end(): Promise<void> {
    clearTimeout(this.#timer)
    await Promise.all(this.threads.map(async ({ thread }) => thread.end()))
  }

  /** It gives no sign of life. */
  kill(living: Living): void {
    this.#host.log.error({ worker: this.worker, threadId: living.thread.threadId, code: 'MESH_WORKER_FAILED' }, 'a data-plane thread is stuck and is ended')
    void living.thread.end('stuck')
  }

  state(silentMs: (living: Living) => number): WorkerState {
    const living = this.#current
    const read = (slot: 'inFlight' | 'connections' | 'revision'): number => living?.thread.read(slot) ?? 0
    return {
      worker: this.worker,
      threadId: living?.thread.threadId ?? -1,
      state: living === undefined ? (this.#host.stopping ? 'ended' : 'waiting') : this.#host.stopping ? 'draining' : this.#isServing ? 'running' : 'starting',
      restarts: this.#restarts,
      lastRestartReason: this.#lastReason ?? null,
      heartbeatAgeMs: living === undefined ? 0 : silentMs(living),
      connections: read('connections'),
      inFlight: read('inFlight'),
      revision: read('revision'),
      error: living?.error ?? null,
    }
  }

  #heard(from: Living, message: Exclude<FromWorker, { kind: 'answer' }>): void {
    switch (message.kind) {
      case 'log':
        writeRemote(this.#host.log, this.worker, message)
        break
      case 'metrics':
        this.#host.metrics(from.source, message)
        break
      case 'rest':
        this.#host.rested(message, this)
        break
      case 'traffic':
        this.#host.hadTraffic(message.service)
        break
      case 'failing': {
        const error = fromPlainError(message.error)
        from.isFailing = true
        this.#host.log.error({ worker: this.worker, threadId: from.thread.threadId, code: 'MESH_INTERNAL', err: error }, 'an exception was not caught in a data-plane thread, which is replaced')
        this.#leave(from)
      }
    }
  }

  /** It takes no connections any more, and ends soon: its place is free, unless two cannot listen at once. */
  #leave(living: Living): void {
    if (this.#current !== living || !this.#host.sharesPorts) return
    this.#leaving.add(living)
    this.#current = undefined
    this.#replace(living, 'exception')
  }

  #ended(living: Living, reason: EndReason, error: Error | undefined): void {
    this.#host.retired(living.source)
    if (this.#leaving.delete(living)) return
    if (this.#current !== living) return
    this.#current = undefined
    if (error !== undefined) this.#host.log.error({ worker: this.worker, threadId: living.thread.threadId, code: 'MESH_WORKER_FAILED', err: error }, `a data-plane thread ended (${reason})`)
    this.#replace(living, living.isFailing ? 'exception' : reason)
  }

  #replace(dead: Living, reason: EndReason): void {
    this.#isServing = false
    if (this.#host.stopping) return
    this.#restarts++
    this.#lastReason = reason
    this.#host.restarted(reason)
    const delayMs = this.#backOff.next(performance.now() - dead.startedMs)
    this.#host.log.warn({ worker: this.worker, reason, delayMs, restarts: this.#restarts }, 'a data-plane thread is replaced')
    this.#timer = setTimeout(() => this.#begin(), delayMs)
  }

  #begin(): void {
    const configuration = this.#host.configuration()
    if (this.#host.stopping) return
    if (configuration === undefined) {
      this.#timer = setTimeout(() => this.#begin(), patienceMs)
      return
    }
    this.spawn()
    const living = this.#current as Living
    this.take(configuration).catch((thrown: unknown) => {
      this.#host.log.error({ worker: this.worker, err: thrown, code: 'MESH_WORKER_FAILED' }, 'a new data-plane thread could not start')
      // One that cannot serve counts as dead, so that the delays grow.
      void living.thread.end('exit')
    })
  }
}
