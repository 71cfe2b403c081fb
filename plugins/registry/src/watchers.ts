// Watchers of services over server-sent events: each has at most one event on its way, and always gets the newest.
import type { ServerResponse } from 'node:http'
import { fromInstance } from './instance.ts'
import { Refusal } from './refusal.ts'
import type { ServiceRegistry, View } from './service-registry.ts'

export interface WatcherLimits {
  /** At a time. */
  readonly maxWatchers: number
  /** Between two comments on a stream that says nothing else. Milliseconds. */
  readonly keepAliveMs: number
  /** A watcher that has not taken an event after this time is dropped. Milliseconds. */
  readonly stallMs: number
}

/** A whole service; and that the client has seen the newest already. */
const eventName = 'instances'
const unchangedEvent = 'event: unchanged\ndata: {}\n\n'

/** What a service looks like on the wire. */
export function toJson({ instances, ...rest }: View): object {
  return { ...rest, instances: instances.map(fromInstance) }
}

/** The id of an event: the same one says the same about a service. */
export function eventId({ registry, revision, settled }: View): string {
  return `${registry}/${revision}${settled ? '' : '/unsettled'}`
}

export class Watchers {
  readonly #registry: ServiceRegistry
  readonly #limits: WatcherLimits
  readonly #all = new Set<Watcher>()
  readonly #changed: (count: number) => void
  /** The last event of each service that is watched, made once for all of its watchers. */
  readonly #events = new Map<string, { readonly id: string; readonly text: string }>()

  /** @param changed told how many there are */
  constructor(registry: ServiceRegistry, limits: WatcherLimits, changed: (count: number) => void) {
    this.#registry = registry
    this.#limits = limits
    this.#changed = changed
  }

  /**
   * Follows a service on a response until the client leaves.
   * @param lastId the id of the last event the client has seen: that one is not sent again
   * @throws Refusal REGISTRY_TOO_MANY_WATCHERS, REGISTRY_FULL; nothing was sent then
   */
  add(service: string, response: ServerResponse, lastId: string | undefined): void {
    if (this.#all.size >= this.#limits.maxWatchers) throw new Refusal('REGISTRY_TOO_MANY_WATCHERS', `it has ${this.#limits.maxWatchers} of them`)
    const watcher = new Watcher(response, () => this.#event(service), this.#limits, lastId)
    const forget = this.#registry.watch(service, () => watcher.send())
    this.#all.add(watcher)
    this.#changed(this.#all.size)
    response.on('close', () => {
      forget()
      watcher.end()
      this.#all.delete(watcher)
      this.#changed(this.#all.size)
    })
    watcher.start()
  }

  close(): void {
    for (const watcher of this.#all) watcher.end()
    this.#events.clear()
  }

  #event(service: string): { readonly id: string; readonly text: string } {
    const view = this.#registry.view(service)
    const id = eventId(view)
    const made = this.#events.get(service)
    if (made?.id === id) return made
    const event = { id, text: `event: ${eventName}\nid: ${id}\ndata: ${JSON.stringify(toJson(view))}\n\n` }
    // What nobody watches any more may be forgotten; it is made again when it is asked for.
    if (this.#events.size >= this.#limits.maxWatchers) this.#events.clear()
    this.#events.set(service, event)
    return event
  }
}

/** One stream. While an event is on its way, changes are only noted; when it has gone, the newest state goes. */
class Watcher {
  readonly #response: ServerResponse
  readonly #event: () => { readonly id: string; readonly text: string }
  readonly #limits: WatcherLimits
  readonly #keepAlive: NodeJS.Timeout
  #lastId: string | undefined
  #isBusy = false
  #isBehind = false
  #stall: NodeJS.Timeout | undefined = undefined

  constructor(response: ServerResponse, event: () => { readonly id: string; readonly text: string }, limits: WatcherLimits, lastId: string | undefined) {
    this.#response = response
    this.#event = event
    this.#limits = limits
    this.#lastId = lastId
    this.#keepAlive = setInterval(() => this.#write(':\n\n'), limits.keepAliveMs).unref()
    response.on('drain', () => this.#drained())
    response.on('error', () => this.end())
  }

  start(): void {
    this.#response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    if (this.#event().id === this.#lastId) this.#write(unchangedEvent)
    else this.send()
  }

  /** Sends what the service is now, unless that was sent. */
  send(): void {
    this.#isBehind = this.#isBusy
    if (this.#isBusy) return
    const { id, text } = this.#event()
    if (id === this.#lastId) return
    this.#lastId = id
    this.#write(text)
  }

  end(): void {
    clearInterval(this.#keepAlive)
    clearTimeout(this.#stall)
    this.#response.destroy()
  }

  #write(text: string): void {
    if (this.#isBusy || this.#response.destroyed || this.#response.write(text)) return
    this.#isBusy = true
    this.#stall = setTimeout(() => this.end(), this.#limits.stallMs).unref()
  }

  #drained(): void {
    clearTimeout(this.#stall)
    this.#isBusy = false
    if (this.#isBehind) this.send()
  }
}
