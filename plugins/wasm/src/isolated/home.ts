// Where filters of one VM live outside of the data-plane thread: one pool thread at a time, and the next one when it has ended.
import type { Exchange } from '@meshwright/core'
import { GuestFailure } from '../host/failure.ts'
import type { Surroundings } from '../host/surroundings.ts'
import { IdTable } from '../id-table.ts'
import type { WasmEvents } from '../wasm.ts'
import type { IsolatedStream } from './isolated-stream.ts'
import { Lane, type WarmThread } from './lane.ts'
import type { FilterStart, News, PhaseCall } from './messages.ts'
import { OutsideWorld, type WishPlaces } from './outside.ts'

/** A filter that lives there. */
export interface Resident {
  readonly start: FilterStart
  readonly surroundings: Surroundings
  readonly events: WasmEvents
}

/** What homes have of the mesh. */
export interface HomeHost {
  takeThread(): WarmThread
  /** A filter has started in a thread that was taken. */
  started(): void
  readonly services: ReadonlyMap<string, unknown>
  log(filter: string, level: 'debug' | 'info' | 'warn' | 'error', text: string): void
  /** All who live there are about to leave: nobody else comes. */
  left(home: Home): void
  /** It is over. */
  closed(home: Home): void
}

/** How long a home whose threads end again and again waits before its next one. The first one comes at once. */
const firstDelayMs = 1_000
const maxDelayMs = 60_000
/** How long filters may take to say good-bye. */
const farewellMs = 10_000
/** The same while the mesh closes. */
const lastWordsMs = 1_000

export class Home implements WishPlaces {
  readonly deadlineMs: number
  readonly #host: HomeHost
  readonly #residents = new Map<number, Resident>()
  readonly #leaving = new Set<number>()
  readonly #streams = new IdTable<IsolatedStream>()
  #lane: Lane | undefined = undefined
  #outside: OutsideWorld | undefined = undefined
  #told: ReadonlyMap<string, unknown> | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined
  #failedMs = -Infinity
  #delayMs = 0
  #closed = false
  readonly #emptied = Promise.withResolvers<void>()

  constructor(deadlineMs: number, host: HomeHost) {
    this.deadlineMs = deadlineMs
    this.#host = host
  }

  get isOpen(): boolean {
    return this.#lane !== undefined
  }

  join(resident: Resident): void {
    this.#residents.set(resident.start.filter, resident)
    if (this.#lane === undefined) this.#open()
    else this.#lane.start(resident.start, this.#services())
  }

  /** It says good-bye over there; the thread ends with the last one. */
  leave({ start: { filter } }: Resident): void {
    if (!this.#residents.has(filter) || this.#leaving.has(filter)) return
    this.#leaving.add(filter)
    if (this.#leaving.size === this.#residents.size) this.#host.left(this)
    if (this.#lane === undefined) return this.#gone(filter)
    this.#lane.tell({ kind: 'retire', filter })
    setTimeout(() => this.#gone(filter), farewellMs).unref()
  }

  cross(stream: IsolatedStream, call: PhaseCall): void {
    this.#streams.set(stream.id, stream)
    this.#lane?.cross(call)
  }

  forget(stream: IsolatedStream): void {
    this.#streams.delete(stream.id)
  }

  /** The mesh closes: who is saying good-bye has a moment for it. */
  async close(): Promise<void> {
    if (this.#lane !== undefined && this.#leaving.size === this.#residents.size) {
      const late = setTimeout(this.#emptied.resolve, lastWordsMs)
      await this.#emptied.promise
      clearTimeout(late)
    }
    await this.#end()
  }

  // -- WishPlaces

  surroundings(filter: number): Surroundings | undefined {
    return this.#residents.get(filter)?.surroundings
  }

  exchange(stream: number): Exchange | undefined {
    return this.#streams.get(stream)?.exchange
  }

  log(filter: number, level: 'debug' | 'info' | 'warn' | 'error', text: string): void {
    this.#host.log(this.#residents.get(filter)?.start.settings.name ?? '', level, text)
  }

  // -- private

  #open(): void {
    const lane = new Lane(this.#host.takeThread(), this.deadlineMs, {
      outcome: (outcome) => this.#streams.get(outcome.stream)?.settle(outcome),
      news: (news) => this.#hear(news),
      started: () => this.#host.started(),
      died: (reason, message) => this.#died(reason, message),
      changedServices: () => (this.#host.services === this.#told ? undefined : this.#services()),
    })
    this.#lane = lane
    this.#outside = new OutsideWorld(lane, this)
    for (const { start } of this.#residents.values()) lane.start(start, this.#services())
  }

  #services(): readonly string[] {
    this.#told = this.#host.services
    return [...this.#told.keys()]
  }

  #hear(news: Exclude<News, { kind: 'outcome' }>): void {
    const events = 'filter' in news ? this.#residents.get(news.filter)?.events : undefined
    switch (news.kind) {
      case 'answered':
      case 'passed':
      case 'closed':
        return this.#streams.get(news.stream)?.hear(news)
      case 'used':
        for (let call = 0; call < news.calls; call++) events?.used(0, call === 0 ? news.ms : 0)
        return undefined
      case 'paused':
        return events?.paused(news.ms)
      case 'served':
        return events?.served(news.streams, news.memoryBytes)
      case 'failed':
        return events?.failed(new GuestFailure(news.reason as GuestFailure['reason'], news.message))
      case 'reloaded':
        return events?.reloaded()
      case 'retired':
        return this.#gone(news.filter)
      default:
        this.#outside?.fulfil(news)
    }
  }

  async #end(): Promise<void> {
    this.#closed = true
    this.#host.closed(this)
    clearTimeout(this.#timer)
    this.#outside?.giveUp()
    const lane = this.#lane
    this.#lane = undefined
    this.#loseAll()
    await lane?.end()
  }

  #gone(filter: number): void {
    if (!this.#leaving.delete(filter)) return
    this.#residents.delete(filter)
    if (this.#residents.size > 0) return
    this.#emptied.resolve()
    this.#end().catch((error: unknown) => this.#host.log('', 'warn', `a thread of isolated filters could not be ended: ${String(error)}`))
  }

  /** Everything in it is lost; whoever comes next finds another thread, at once or, if that happens again, later. */
  #died(reason: 'deadline' | 'thread', message: string): void {
    this.#lane = undefined
    this.#outside?.giveUp()
    for (const { events } of this.#residents.values()) events.failed(new GuestFailure(reason, message))
    this.#loseAll()
    for (const filter of this.#leaving) this.#gone(filter)
    if (this.#closed || this.#residents.size === 0) return
    const nowMs = performance.now()
    this.#delayMs = nowMs - this.#failedMs > 2 * maxDelayMs ? 0 : Math.min(maxDelayMs, Math.max(firstDelayMs, this.#delayMs * 2))
    this.#failedMs = nowMs
    if (this.#delayMs === 0) this.#reopen()
    else this.#timer = setTimeout(() => this.#reopen(), this.#delayMs).unref()
  }

  #reopen(): void {
    this.#open()
    for (const { events } of this.#residents.values()) events.reloaded()
  }

  #loseAll(): void {
    const streams = this.#streams.values()
    this.#streams.clear()
    for (const stream of streams) stream.lose()
  }
}
