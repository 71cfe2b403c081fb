// One pool thread: what is asked of it in one turn crosses together, and it is ended when the guest stays in one call for too long.
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { FilterStart, ForeignReply, News, Outcome, PhaseCall, Task, ToThread } from './messages.ts'
import { marks } from './messages.ts'

// Sources run unbuilt as .ts and built as .js; the thread inherits the conditions of this process.
const filename = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url).href

/** How often in a deadline it is looked whether the guest is still in the same call. */
const looksPerDeadline = 4
/** How long the end of an exchange waits for something else that crosses. */
const endDelayMs = 2

/** Nothing of this process' environment but where code is that was compiled before: up to half of the time a thread takes to load. */
function compiledCode(): Record<string, string> {
  const { NODE_COMPILE_CACHE } = process.env
  return NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }
}

/** A thread that has loaded everything but a filter. */
export class WarmThread {
  readonly port: MessagePort
  readonly replies: MessagePort
  readonly marks: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(12))
  readonly #pool: Piscina
  readonly #loaded: Promise<unknown>
  #last: Promise<unknown> | undefined = undefined

  constructor() {
    // One thread in each pool, as a filter's exchanges must find their way back to it; without atomics, as it has an event loop to run.
    this.#pool = new Piscina({ filename, minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 1, atomics: 'disabled', idleTimeout: Infinity, recordTiming: false, workerHistogram: false, trackUnmanagedFds: false, env: compiledCode() })
    this.#pool.on('error', () => {})
    const news = new MessageChannel()
    const replies = new MessageChannel()
    this.port = news.port1
    this.replies = replies.port1
    this.port.unref()
    this.#loaded = this.run({ kind: 'open', port: news.port2, replies: replies.port2, marks: this.marks }, [news.port2, replies.port2]).catch(() => {
      // Whoever runs something in it hears of it.
    })
  }

  /** One after the other: a pool does not keep the order. */
  async run(task: Task, transferList: readonly unknown[] = []): Promise<Outcome[]> {
    const before = this.#last
    const run = before === undefined ? this.#pool.run(task, { transferList: transferList as never }) : before.then(async () => this.#pool.run(task, { transferList: transferList as never }) as Promise<unknown>)
    this.#last = run as Promise<unknown>
    try {
      return (await run) as Outcome[]
    } finally {
      if (this.#last === run) this.#last = undefined
    }
  }

  /** Ends it, whatever its guest is doing. While it loads it is let be: there is no need to stop Node.js amid its own work. */
  async end(): Promise<void> {
    this.port.close()
    this.replies.close()
    await this.#loaded
    await this.#pool.destroy()
  }
}

/** What a lane tells. */
export interface LaneEvents {
  started(): void
  outcome(outcome: Outcome): void
  news(news: Exclude<News, { kind: 'outcome' }>): void
  /** It is over with it: nothing more is told. */
  died(reason: 'deadline' | 'thread', message: string): void
  /** The services there are, if they are not those it was told the last time. */
  changedServices(): readonly string[] | undefined
}

export class Lane {
  readonly #thread: WarmThread
  readonly #events: LaneEvents
  readonly #deadlineMs: number
  readonly #watch: NodeJS.Timeout
  #calls: PhaseCall[] = []
  #transfers: ArrayBuffer[] = []
  #isUnderWay = false
  #isPlanned = false
  #over = false
  #ends: NodeJS.Timeout | undefined = undefined
  #seen = 0
  #sinceMs = 0

  constructor(thread: WarmThread, deadlineMs: number, events: LaneEvents) {
    this.#thread = thread
    this.#events = events
    this.#deadlineMs = deadlineMs
    this.#watch = setInterval(() => this.#look(), Math.max(1, deadlineMs / looksPerDeadline))
    this.#watch.unref()
    thread.port.on('message', (news: readonly News[]) => this.#hear(news))
    thread.port.on('close', () => this.#die('thread', 'its thread has ended'))
    // Listening holds the process; a filter alone does not.
    thread.port.unref()
  }

  /** It has started before, in the trial, but nothing says that it does so again. */
  start(start: FilterStart, services: readonly string[]): void {
    const late = setTimeout(() => this.#die('deadline', `it did not start within ${start.startMs} ms`), start.startMs).unref()
    this.#thread.run({ kind: 'start', start, services }).then(
      () => {
        clearTimeout(late)
        this.#events.started()
      },
      (thrown: unknown) => {
        clearTimeout(late)
        this.#die('thread', thrown instanceof Error ? thrown.message : String(thrown))
      },
    )
  }

  /** Crosses with everything else of this turn of the event loop, or as soon as what is under way is back. */
  cross(call: PhaseCall): void {
    this.#calls.push(call)
    if (call.chunk !== undefined) this.#transfers.push(call.chunk.buffer as ArrayBuffer)
    if (this.#isPlanned || this.#isUnderWay) return
    // Nobody waits for an end: it crosses with the next one who has something to ask.
    if (call.phase === 'end') return this.#flushLater()
    this.#isPlanned = true
    setImmediate(() => this.#flush())
  }

  tell(message: ToThread): void {
    if (!this.#over) this.#thread.port.postMessage(message)
  }

  /**
   * Answers a thread that waits for it: that was none of the guest's time.
   * @param ranMs how much of it the guest has had in this call
   */
  reply(reply: ForeignReply, ranMs: number): void {
    if (this.#over) return
    this.#seen = Atomics.load(this.#thread.marks, marks.entered)
    this.#sinceMs = performance.now() - ranMs
    this.#thread.replies.postMessage(reply)
    Atomics.add(this.#thread.marks, marks.answered, 1)
    Atomics.notify(this.#thread.marks, marks.answered)
    // One that asks again and again is never seen but waiting.
    this.#judge()
  }

  async end(): Promise<void> {
    this.#over = true
    clearInterval(this.#watch)
    clearTimeout(this.#ends)
    await this.#thread.end()
  }

  #flushLater(): void {
    this.#ends ??= setTimeout(() => {
      this.#ends = undefined
      if (!this.#isPlanned && !this.#isUnderWay) this.#flush()
    }, endDelayMs).unref()
  }

  #flush(): void {
    this.#isPlanned = false
    if (this.#over || this.#calls.length === 0) return
    const calls = this.#calls
    const transfers = this.#transfers
    this.#calls = []
    this.#transfers = []
    this.#isUnderWay = true
    this.#thread.run({ kind: 'batch', calls, services: this.#events.changedServices() }, transfers).then(
      (outcomes) => this.#back(outcomes),
      (thrown: unknown) => this.#die('thread', thrown instanceof Error ? thrown.message : String(thrown)),
    )
  }

  #back(outcomes: readonly Outcome[]): void {
    this.#isUnderWay = false
    for (const outcome of outcomes) this.#events.outcome(outcome)
    if (this.#calls.length > 0 && !this.#isPlanned) this.#flush()
  }

  #hear(news: readonly News[]): void {
    for (const one of news) {
      if (this.#over) return
      if (one.kind === 'outcome') this.#events.outcome(one.outcome)
      else this.#events.news(one)
    }
  }

  /** Odd: the guest has been entered and not left. */
  #look(): void {
    const entered = Atomics.load(this.#thread.marks, marks.entered)
    const nowMs = performance.now()
    if (entered !== this.#seen || (entered & 1) === 0) {
      this.#seen = entered
      this.#sinceMs = nowMs
      const services = this.#events.changedServices()
      if (services !== undefined) this.tell({ kind: 'services', services })
    } else if (Atomics.load(this.#thread.marks, marks.asked) === Atomics.load(this.#thread.marks, marks.answered)) {
      // Otherwise it waits for this thread.
      this.#judge()
    }
  }

  #judge(): void {
    const isInside = (this.#seen & 1) === 1
    if (isInside && performance.now() - this.#sinceMs >= this.#deadlineMs) this.#die('deadline', `it was in one call for more than ${this.#deadlineMs} ms`)
  }

  #die(reason: 'deadline' | 'thread', message: string): void {
    if (this.#over) return
    // It is given up whatever the pool says of its end; why is told below.
    this.end().catch(() => {})
    this.#events.died(reason, message)
  }
}
