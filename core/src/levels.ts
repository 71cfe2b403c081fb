// The endpoints of a service by priority, ready to be picked from: spill-over, panic and slow start are worked out here, off the request path.
import type { EndpointSet } from './endpoint-set.ts'
import type { Endpoint } from './endpoint.ts'
import type { Balancer } from './questions.ts'
import { loadsOf, panicsOf } from './priority.ts'
import { weigh, type SlowStartSpec } from './slow-start.ts'

/** Part of the endpoints that must be fit, in percent, before the others are left out. */
export const defaultPanicPercent = 50

/** How a service uses its endpoints. */
export interface LevelOptions {
  /** 0..100; 0: never in panic. */
  readonly panicPercent: number
  readonly slowStart: SlowStartSpec | undefined
}

/** The endpoints of one priority. Replaced, never edited. */
export interface Level {
  readonly balancer: Balancer
  /** Those to pick from: the fit ones, or all of them in panic. May be empty. */
  readonly endpoints: readonly Endpoint[]
  readonly panic: boolean
  /** Upper end of its part of the traffic, in percent: the level is taken by a draw from 0 to less than 100 that is below it. */
  readonly below: number
}

/** Answers the balancer of a priority, told of the endpoints that it is going to pick from. */
export type Prepare = (priority: number, endpoints: readonly Endpoint[]) => Balancer

/** How many steps an endpoint takes to its full weight. */
const slowStartSteps = 20
const minStepMs = 50

/** Follows an endpoint set. */
export class Levels {
  readonly #set: EndpointSet
  readonly #options: LevelOptions
  readonly #prepare: Prepare
  readonly #unwatch: () => void
  #growth: NodeJS.Timeout | undefined = undefined
  #all: readonly Level[] = []

  constructor(set: EndpointSet, options: LevelOptions, prepare: Prepare) {
    this.#set = set
    this.#options = options
    this.#prepare = prepare
    this.#unwatch = set.watch(() => this.#refresh())
  }

  /** By priority, the most important first. */
  get all(): readonly Level[] {
    return this.#all
  }

  /** The level that takes this exchange; undefined when no level has an endpoint. */
  draw(random: () => number): Level | undefined {
    const levels = this.#all
    // hot: nearly every service has one priority
    if (levels.length === 1) return levels[0]
    const drawn = random() * 100
    for (const level of levels) if (drawn < level.below) return level
    return undefined
  }

  close(): void {
    this.#unwatch()
    clearTimeout(this.#growth)
  }

  #refresh(): void {
    const growing = weigh(this.#set.all, this.#options.slowStart, performance.now())
    this.#all = levelsOf(this.#set.all, this.#options.panicPercent, this.#prepare)
    clearTimeout(this.#growth)
    this.#growth = growing ? setTimeout(() => this.#refresh(), this.#stepMs()).unref() : undefined
  }

  #stepMs(): number {
    return Math.max(minStepMs, (this.#options.slowStart?.windowMs ?? 0) / slowStartSteps)
  }
}

function levelsOf(endpoints: readonly Endpoint[], panicPercent: number, prepare: Prepare): Level[] {
  const byPriority = Map.groupBy(endpoints, ({ priority }) => priority)
  const groups = [...byPriority].toSorted(([a], [b]) => a - b).map(([priority, all]) => ({ priority, all, fit: all.filter((endpoint) => endpoint.fit) }))
  const counts = groups.map(({ all, fit }) => ({ fit: fit.length, total: all.length }))
  const panics = panicsOf(counts, panicPercent)
  let below = 0
  return loadsOf(counts).map((load, at) => {
    const { priority, all, fit } = groups[at] as (typeof groups)[number]
    const panic = panics[at] as boolean
    const used = panic ? all : fit
    return { balancer: prepare(priority, used), endpoints: used, panic, below: (below += load) }
  })
}
