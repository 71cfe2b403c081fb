// A route's filters, flattened into one list per phase when the snapshot is compiled.
import { MeshError, toMeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import type { Awaitable, Filter } from './questions.ts'
import { isReply, type Reply } from './reply.ts'

/** What a phase says: nothing (pass), a reply (answer it here), or an error (a filter failed). */
export type Verdict = Reply | MeshError | undefined

type HeaderCall = (exchange: Exchange) => Awaitable<Reply | void>
type HeaderStep = { readonly filter: string; readonly position: number; readonly call: HeaderCall }

/** One filter's part in a body phase. */
export interface BodyStep {
  readonly filter: string
  /** Its place in the chain; the outermost filter has 0. */
  readonly position: number
  /** More than 0: the body is held back until it is whole, up to that many bytes. */
  readonly bufferBytes: number
  readonly call: (exchange: Exchange, chunk: Uint8Array, last: boolean) => Awaitable<Uint8Array | Reply | void>
}

type Placed = { readonly filter: Filter; readonly position: number }

/** What a reply passes that was made at some place in the chain. */
interface InFront {
  /** Where the response phase of headers begins. */
  readonly headersFrom: number
  readonly body: readonly BodyStep[] | undefined
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
  /** For each place in the chain what stands in front of it in the response phases; undefined: nothing anywhere. */
  readonly #inFront: readonly InFront[] | undefined

  /** @param filters in the order of configuration; the response phases run in reverse */
  constructor(filters: readonly Filter[]) {
    const placed = filters.map((filter, position): Placed => ({ filter, position }))
    const reversed = placed.toReversed()
    this.filters = filters
    this.#requestHeaders = steps(placed, (f) => f.onRequestHeaders?.bind(f))
    this.#attempt = steps(placed, (f) => f.onAttempt?.bind(f))
    this.#responseHeaders = steps(reversed, (f) => f.onResponseHeaders?.bind(f))
    this.requestBody = bodySteps(placed, (f) => f.onRequestBody?.bind(f), (f) => f.bufferRequestBytes)
    this.responseBody = bodySteps(reversed, (f) => f.onResponseBody?.bind(f), (f) => f.bufferResponseBytes)
    this.#end = some(filters.filter((f) => f.onEnd !== undefined))
    this.#inFront = this.#compileInFront()
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

  /** Does a reply pass anybody, if it was made at this place? */
  concernsReply(position: number): boolean {
    const inFront = this.#inFront?.[position]
    return inFront !== undefined && (inFront.headersFrom < (this.#responseHeaders?.length ?? 0) || inFront.body !== undefined)
  }

  /** The response phase of the filters in front of a place, for a reply that was made there. */
  replyHeaders(exchange: Exchange, position: number): Awaitable<Verdict> {
    return this.#responseHeaders === undefined ? undefined : run(this.#responseHeaders, exchange, this.#inFront?.[position]?.headersFrom ?? 0)
  }

  /** Those in front of a place who want the body of a reply that was made there. */
  replyBody(position: number): readonly BodyStep[] | undefined {
    return this.#inFront?.[position]?.body
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

  /** One entry for each filter, and one for the place behind all of them. */
  #compileInFront(): InFront[] | undefined {
    const headers = this.#responseHeaders ?? []
    const { responseBody } = this
    if (headers.length === 0 && responseBody === undefined) return undefined
    return Array.from({ length: this.filters.length + 1 }, (_none, place) => ({
      headersFrom: headers.filter(({ position }) => position >= place).length,
      body: responseBody === undefined ? undefined : some(responseBody.filter(({ position }) => position < place)),
    }))
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
      return filterFailed(step, exchange, thrown)
    }
    if (answer === undefined) continue
    if (isPromise(answer)) return resume(list, exchange, i, answer)
    const verdict = checked(step, exchange, answer)
    if (verdict !== undefined) return verdict
  }
  return undefined
}

async function resume(list: readonly HeaderStep[], exchange: Exchange, at: number, pending: Promise<Reply | void>): Promise<Verdict> {
  const step = list[at] as HeaderStep
  standsAt(step, exchange)
  const turn = exchange.run?.turn
  try {
    const answer = await pending
    if (exchange.run?.turn !== turn) return undefined
    const verdict = checked(step, exchange, answer)
    if (verdict !== undefined) return verdict
  } catch (thrown) {
    return exchange.run?.turn === turn ? filterFailed(step, exchange, thrown) : undefined
  }
  return run(list, exchange, at + 1)
}

/** What a filter returned may be anything; null is as good as nothing. */
function checked(step: HeaderStep, exchange: Exchange, answer: unknown): Reply | MeshError | undefined {
  if (answer === undefined || answer === null) return undefined
  standsAt(step, exchange)
  return isReply(answer) ? answer : new MeshError('MESH_FILTER_FAILED', `filter "${step.filter}" returned neither nothing nor a reply`)
}

function filterFailed(step: HeaderStep, exchange: Exchange, thrown: unknown): MeshError {
  standsAt(step, exchange)
  return toMeshError(thrown, 'MESH_FILTER_FAILED', `filter "${step.filter}"`)
}

/** Whoever answers the exchange, or takes its time, is where a reply would set out from. */
function standsAt({ position }: HeaderStep, { run: under }: Exchange): void {
  if (under !== undefined) under.front = position
}

export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as Promise<T>).then === 'function'
}

function steps(filters: readonly Placed[], phase: (filter: Filter) => HeaderCall | undefined): HeaderStep[] | undefined {
  const list: HeaderStep[] = []
  for (const { filter, position } of filters) {
    const call = phase(filter)
    if (call !== undefined) list.push({ filter: filter.name, position, call })
  }
  return some(list)
}

function bodySteps(
  filters: readonly Placed[],
  phase: (filter: Filter) => BodyStep['call'] | undefined,
  buffer: (filter: Filter) => number | undefined,
): BodyStep[] | undefined {
  const list: BodyStep[] = []
  for (const { filter, position } of filters) {
    const call = phase(filter)
    if (call !== undefined) list.push({ filter: filter.name, position, bufferBytes: buffer(filter) ?? 0, call })
  }
  return some(list)
}

function some<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list
}
