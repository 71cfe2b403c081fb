// A route's filters, flattened into one list per phase when the snapshot is compiled.
import { MeshError, toMeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Awaitable, Filter } from './questions.ts'
import { isReply, type Reply } from './reply.ts'

/** What a phase says: nothing (pass), a reply (answer it here), or an error (a filter failed). */
export type Verdict = Reply | MeshError | undefined

type HeaderCall = (exchange: Exchange) => Awaitable<Reply | void>
type HeaderStep = { readonly filter: string; readonly call: HeaderCall }

/** One filter's part in a body phase. */
export interface BodyStep {
  readonly filter: string
  /** More than 0: the body is held back until it is whole, up to that many bytes. */
  readonly bufferBytes: number
  readonly call: (exchange: Exchange, chunk: Uint8Array, last: boolean) => Awaitable<Uint8Array | Reply | void>
}

/** The filters of a route. An absent phase is undefined, so that what nobody uses costs nothing. */
export class Chain {
  readonly filters: readonly Filter[]
  readonly requestBody: readonly BodyStep[] | undefined
  readonly responseBody: readonly BodyStep[] | undefined
  readonly #requestHeaders: readonly HeaderStep[] | undefined
  readonly #attempt: readonly HeaderStep[] | undefined
  readonly #responseHeaders: readonly HeaderStep[] | undefined
  readonly #end: readonly Filter[] | undefined

  /** @param filters in the order of configuration; the response phases run in reverse */
  constructor(filters: readonly Filter[]) {
    const reversed = filters.toReversed()
    this.filters = filters
    this.#requestHeaders = steps(filters, (f) => f.onRequestHeaders?.bind(f))
    this.#attempt = steps(filters, (f) => f.onAttempt?.bind(f))
    this.#responseHeaders = steps(reversed, (f) => f.onResponseHeaders?.bind(f))
    this.requestBody = bodySteps(filters, (f) => f.onRequestBody?.bind(f), (f) => f.bufferRequestBytes)
    this.responseBody = bodySteps(reversed, (f) => f.onResponseBody?.bind(f), (f) => f.bufferResponseBytes)
    this.#end = some(filters.filter((f) => f.onEnd !== undefined))
  }

  requestHeaders(exchange: Exchange): Awaitable<Verdict> {
    return this.#requestHeaders === undefined ? undefined : run(this.#requestHeaders, exchange, 0)
  }

  attempt(exchange: Exchange): Awaitable<Verdict> {
    return this.#attempt === undefined ? undefined : run(this.#attempt, exchange, 0)
  }

  responseHeaders(exchange: Exchange): Awaitable<Verdict> {
    return this.#responseHeaders === undefined ? undefined : run(this.#responseHeaders, exchange, 0)
  }

  /** Tells every filter that it is over. `failed` hears of each that threw; the others are told all the same. */
  end(exchange: Exchange, failed: (error: MeshError) => void): void {
    if (this.#end === undefined) return
    for (const filter of this.#end) {
      try {
        filter.onEnd?.(exchange)
      } catch (thrown) {
        failed(toMeshError(thrown, 'MESH_FILTER_FAILED', `filter "${filter.name}" in onEnd`))
      }
    }
  }
}

function run(list: readonly HeaderStep[], exchange: Exchange, from: number): Awaitable<Verdict> {
  // hot: a flat loop that stays synchronous until a filter does not (bench chain)
  for (let i = from; i < list.length; i++) {
    const step = list[i] as HeaderStep
    let answer: Awaitable<Reply | void>
    try {
      answer = step.call(exchange)
    } catch (thrown) {
      return filterFailed(step, thrown)
    }
    if (answer === undefined) continue
    if (isPromise(answer)) return resume(list, exchange, i, answer)
    const verdict = checked(step, answer)
    if (verdict !== undefined) return verdict
  }
  return undefined
}

async function resume(list: readonly HeaderStep[], exchange: Exchange, at: number, pending: Promise<Reply | void>): Promise<Verdict> {
  const step = list[at] as HeaderStep
  try {
    const verdict = checked(step, await pending)
    if (verdict !== undefined) return verdict
  } catch (thrown) {
    return filterFailed(step, thrown)
  }
  return run(list, exchange, at + 1)
}

/** What a filter returned may be anything; null is as good as nothing. */
function checked(step: HeaderStep, answer: unknown): Reply | MeshError | undefined {
  if (answer === undefined || answer === null) return undefined
  return isReply(answer) ? answer : new MeshError('MESH_FILTER_FAILED', `filter "${step.filter}" returned neither nothing nor a reply`)
}

function filterFailed(step: HeaderStep, thrown: unknown): MeshError {
  return toMeshError(thrown, 'MESH_FILTER_FAILED', `filter "${step.filter}"`)
}

export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function'
}

function steps(filters: readonly Filter[], phase: (filter: Filter) => HeaderCall | undefined): HeaderStep[] | undefined {
  const list: HeaderStep[] = []
  for (const filter of filters) {
    const call = phase(filter)
    if (call !== undefined) list.push({ filter: filter.name, call })
  }
  return some(list)
}

function bodySteps(
  filters: readonly Filter[],
  phase: (filter: Filter) => BodyStep['call'] | undefined,
  buffer: (filter: Filter) => number | undefined,
): BodyStep[] | undefined {
  const list: BodyStep[] = []
  for (const filter of filters) {
    const call = phase(filter)
    if (call !== undefined) list.push({ filter: filter.name, bufferBytes: buffer(filter) ?? 0, call })
  }
  return some(list)
}

function some<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list
}
