// All threads of isolated filters that belong to one data-plane thread, and one in reserve.
import { createHash } from 'node:crypto'
import type { Mesh } from '@meshwright/core'
import { Home, type HomeHost, type Resident } from './home.ts'
import { WarmThread } from './lane.ts'
import type { FilterStart } from './messages.ts'

/** How long after a filter has started there is another thread in reserve: not in the way of what has just begun. */
const spareDelayMs = 1_000

export class Isolation implements HomeHost {
  readonly #mesh: Mesh
  readonly #homes = new Map<string, Home>()
  readonly #all = new Set<Home>()
  #spare: WarmThread | undefined = undefined
  #spareTimer: NodeJS.Timeout | undefined = undefined
  #closed = false
  #lastFilter = 0

  constructor(mesh: Mesh) {
    this.#mesh = mesh
  }

  /** A number of its own for each filter. */
  nextFilter(): number {
    return ++this.#lastFilter
  }

  /** Filters that would share a VM share a thread. */
  move(resident: Resident, deadlineMs: number): Home {
    const key = keyOf(resident.start, deadlineMs)
    let home = this.#homes.get(key)
    if (home === undefined) {
      home = new Home(deadlineMs, this)
      this.#homes.set(key, home)
      this.#all.add(home)
    }
    home.join(resident)
    return home
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#endSpare(), ...[...this.#all].map(async (home) => home.close())])
  }

  // -- HomeHost

  get services(): ReadonlyMap<string, unknown> {
    return this.#mesh.snapshot.services
  }

  /** The one in reserve, if there is one. */
  takeThread(): WarmThread {
    const thread = this.#spare ?? new WarmThread()
    this.#spare = undefined
    return thread
  }

  /** A filter has started: soon there is time to make another thread, which takes a while. */
  started(): void {
    if (this.#closed || this.#all.size === 0 || this.#spare !== undefined) return
    clearTimeout(this.#spareTimer)
    this.#spareTimer = setTimeout(() => {
      this.#spare ??= new WarmThread()
    }, spareDelayMs).unref()
  }

  log(filter: string, level: 'debug' | 'info' | 'warn' | 'error', text: string): void {
    this.#mesh.log[level]({ filter }, text)
  }

  left(home: Home): void {
    for (const [key, one] of this.#homes) if (one === home) this.#homes.delete(key)
  }

  closed(home: Home): void {
    this.#all.delete(home)
    if (this.#all.size > 0) return
    // No configuration has an isolated filter any more.
    this.#endSpare().catch((error: unknown) => this.log('', 'warn', `the thread in reserve could not be ended: ${String(error)}`))
  }

  // -- private

  async #endSpare(): Promise<void> {
    clearTimeout(this.#spareTimer)
    const spare = this.#spare
    this.#spare = undefined
    await spare?.end()
  }
}

function keyOf({ key, settings, capabilities, allowUnknown }: FilterStart, deadlineMs: number): string {
  const parts = [key, settings.vmId, Buffer.from(settings.vmConfiguration).toString('base64'), settings.environment, capabilities, allowUnknown, deadlineMs]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
