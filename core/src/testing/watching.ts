// What Discovery and Identity have in common: they publish what they know, now and after each change, until they are stopped.
import { isDeepStrictEqual } from 'node:util'
import type { Awaitable } from '../questions.ts'
import { demand, isThenable, promise, settle, show, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'

/** What an author says of something that publishes. */
export interface WatchOptions extends SuiteOptions {
  /** Changes what there is to find, so that it has to be published anew. Resolves when it is done. */
  readonly change?: () => Awaitable<void>
  /** Breaks the source: what is looked for there cannot be found any more. Resolves when it is done. */
  readonly fail?: () => Awaitable<void>
}

/** Starts an answer. `who` is what it is started for. */
export type Start<T, P> = (answer: T, who: string, publish: (published: P) => void) => unknown

/** What the promises of one kind are made of. */
export interface WatchKind<T, P> {
  readonly kind: 'discovery' | 'identity'
  readonly start: Start<T, P>
  /** What one is asked for, and another. */
  readonly names: readonly [string, string]
  /** What it publishes, in words. */
  readonly what: string
  /** Ends the check unless it is good. */
  readonly demandGood: (published: P) => void
}

const hints = {
  late: 'let a stopped watch check, after everything it waits for, whether it was stopped meanwhile',
  own: 'what was published last stays: log the error and try again',
}

/** The promises; every kind adds its own behind them. */
export function watchPromises<T, P, O extends WatchOptions>(kind: WatchKind<T, P>): ConformancePromise<T, O>[] {
  const id = (number: number): string => `${kind.kind}/${number}`
  const listen = async (make: Make<T>, name: string = kind.names[0]): Promise<Listener<T, P>> => new Listener<T, P>(await make(), name, kind)
  return [
    promise(id(1), 'answers with a function that stops it', {
      async check(make) {
        const one = await listen(make)
        const stop: unknown = await one.started
        demand(typeof stop === 'function', 'a function, or a promise of one', show(stop), 'whoever starts must be able to stop')
        await one.stop()
      },
    }),
    promise(id(2), `publishes ${kind.what}`, {
      async check(make) {
        const one = await listen(make)
        kind.demandGood(await one.first)
        await one.stop()
      },
    }),
    promise(id(3), 'publishes plain data that can go to other threads', {
      async check(make) {
        const one = await listen(make)
        const published = await one.first
        await one.stop()
        demand(isDeepStrictEqual(copy(published), published), 'plain objects, lists, texts and numbers', show(published), 'an instance of a class loses its methods on the way')
      },
    }),
    promise(id(4), 'publishes nothing any more once it was stopped', {
      async check(make, options) {
        const one = await listen(make)
        await one.first
        await one.stop()
        const before = one.published.length
        await options.change?.()
        await settle(options)
        demand(one.published.length === before, 'silence after the stop', `it published ${show(one.published.at(-1))}`, hints.late)
      },
    }),
    promise(id(5), 'can be stopped as soon as it has started, and twice', {
      async check(make, options) {
        const one = await listen(make)
        await one.stop()
        const before = one.published.length
        await one.stop()
        await settle(options)
        demand(one.published.length === before, 'silence after the stop', `it published ${show(one.published.at(-1))}`, hints.late)
      },
    }),
    promise(id(6), 'serves two at a time, of which one can be stopped', {
      async check(make, options) {
        const answer = await make()
        const [a, b] = kind.names.map((name) => new Listener(answer, name, kind)) as [Listener<T, P>, Listener<T, P>]
        await Promise.all([a.first, b.first])
        await a.stop()
        await options.change?.()
        if (options.change !== undefined) await b.atLeast(2)
        await b.stop()
      },
    }),
    promise(id(7), 'never changes what it has published', {
      async check(make, options) {
        const one = await listen(make)
        const first = await one.first
        const asItWas = copy(first)
        await options.change?.()
        if (options.change !== undefined) await one.atLeast(2)
        await one.stop()
        demand(isDeepStrictEqual(copy(first), asItWas), `what was published first to stay ${show(asItWas)}`, show(first), 'publish a new list each time')
      },
    }),
    promise(id(8), 'publishes anew when there is a change', {
      applies: ({ change }) => change !== undefined,
      async check(make, options) {
        const one = await listen(make)
        const before = copy(await one.first)
        await options.change?.()
        await one.until((published) => !isDeepStrictEqual(copy(published), before))
        kind.demandGood(one.published.at(-1) as P)
        await one.stop()
      },
    }),
    promise(id(9), 'publishes nothing on an error of its own', {
      applies: ({ fail }) => fail !== undefined,
      async check(make, options) {
        const one = await listen(make)
        await one.first
        const before = one.published.length
        await options.fail?.()
        await settle(options)
        await one.stop()
        demand(one.published.length === before, 'silence: what was published before stays', `it published ${show(one.published.at(-1))}`, hints.own)
      },
    }),
  ]
}

/** One watch, and all that it publishes. */
class Listener<T, P> {
  readonly published: P[] = []
  readonly started: Promise<unknown>
  #heard = news()

  constructor(answer: T, name: string, { start }: WatchKind<T, P>) {
    const answered = start(answer, name, (published) => {
      this.published.push(published)
      this.#heard.resolve()
      this.#heard = news()
    })
    this.started = isThenable(answered) ? (answered as Promise<unknown>) : Promise.resolve(answered)
    // Whoever waits for more than the start would never hear of it.
    this.started.catch((thrown: unknown) => this.#heard.reject(thrown))
  }

  get first(): Promise<P> {
    return this.atLeast(1).then(() => this.published[0] as P)
  }

  async atLeast(count: number): Promise<void> {
    await this.until(() => this.published.length >= count)
  }

  /** Resolves when the last that was published is such. */
  async until(is: (published: P) => boolean): Promise<void> {
    while (this.published.length === 0 || !is(this.published.at(-1) as P)) await this.#heard.promise
  }

  async stop(): Promise<void> {
    const stop = await this.started
    if (typeof stop === 'function') await (stop as () => unknown)()
  }
}

/** Nobody may be waiting when it fails. */
function news(): PromiseWithResolvers<void> {
  const made = Promise.withResolvers<void>()
  made.promise.catch(() => {})
  return made
}

/** As it would come out in another thread; what cannot go there is undefined. */
function copy<P>(published: P): P | undefined {
  try {
    return structuredClone(published)
  } catch {
    return undefined
  }
}
