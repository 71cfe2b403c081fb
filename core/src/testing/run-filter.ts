// Takes an exchange through the phases of one filter, as the core would, and writes down what it answers.
import { Response, type Exchange } from '../exchange.ts'
import type { Filter } from '../questions.ts'
import { isReply, type Reply } from '../reply.ts'
import { endpoint, outcome, type Outcome } from './build.ts'
import { isThenable } from './conformance.ts'

/** The phases that may answer with a reply. */
export type HeaderPhase = 'onRequestHeaders' | 'onAttempt' | 'onResponseHeaders'
/** The phases that see bytes. */
export type BodyPhase = 'onRequestBody' | 'onResponseBody'

/** What there is besides the head of the request. */
export interface FilterScript {
  readonly requestBody?: readonly Uint8Array[]
  /** Default `{ status: 200 }`. */
  readonly response?: Outcome
  readonly responseBody?: readonly Uint8Array[]
  /** Called when the exchange has entered the chain: after the first phase. */
  readonly entered?: () => void
}

/** What a filter has answered, phase by phase. */
export class FilterRun {
  readonly filter: Filter
  readonly exchange: Exchange
  readonly answers: { readonly phase: HeaderPhase; readonly answer: unknown }[] = []
  readonly chunks: { readonly phase: BodyPhase; readonly answer: unknown }[] = []
  /** Phases that answered with a promise. */
  readonly promised: Set<HeaderPhase | BodyPhase> = new Set()
  /** What the filter replied; the rest of the phases were left out then. */
  reply: Reply | undefined = undefined
  /** Bytes that came out of the filter. */
  requestBytes = 0
  responseBytes = 0

  constructor(filter: Filter, exchange: Exchange) {
    this.filter = filter
    this.exchange = exchange
  }

  async head(phase: HeaderPhase): Promise<void> {
    if (this.reply !== undefined) return
    const answer = await this.#heard(phase, this.filter[phase]?.(this.exchange))
    this.answers.push({ phase, answer })
    this.#take(answer)
  }

  /** @returns how many bytes the filter let through */
  async body(phase: BodyPhase, chunks: readonly Uint8Array[]): Promise<number> {
    const bufferBytes = phase === 'onRequestBody' ? this.filter.bufferRequestBytes : this.filter.bufferResponseBytes
    const pieces = bufferBytes === undefined ? [...chunks, empty] : [Buffer.concat(chunks)]
    let bytes = 0
    for (const [at, piece] of pieces.entries()) {
      if (this.reply !== undefined) return bytes
      const answer = await this.#heard(phase, this.filter[phase]?.(this.exchange, piece, at === pieces.length - 1))
      this.chunks.push({ phase, answer })
      if (phase === 'onRequestBody') this.#take(answer)
      bytes += answer instanceof Uint8Array ? answer.byteLength : piece.byteLength
    }
    return bytes
  }

  end(): void {
    this.exchange.endedMs = performance.now()
    this.filter.onEnd?.(this.exchange)
  }

  async #heard(phase: HeaderPhase | BodyPhase, answer: unknown): Promise<unknown> {
    if (isThenable(answer)) this.promised.add(phase)
    return answer
  }

  #take(answer: unknown): void {
    if (!isReply(answer)) return
    this.reply = answer
    this.exchange.replied = true
    this.exchange.response = new Response(answer.status, '', answer.headers.clone())
  }
}

const empty = new Uint8Array(0)

/** Runs all phases. */
export async function runFilter(filter: Filter, exchange: Exchange, script: FilterScript = {}): Promise<FilterRun> {
  const run = new FilterRun(filter, exchange)
  for await (const _ of phasesOf(run, script)) continue
  return run
}

/** Runs several exchanges through one filter, a phase of each at a time. */
export async function runTogether(filter: Filter, all: readonly (readonly [Exchange, FilterScript])[]): Promise<FilterRun[]> {
  const runs = all.map(([exchange]) => new FilterRun(filter, exchange))
  let left = runs.map((run, at) => phasesOf(run, all[at]?.[1] ?? {}))
  while (left.length > 0) {
    const done: unknown[] = []
    for (const phases of left) if ((await phases.next()).done) done.push(phases)
    left = left.filter((phases) => !done.includes(phases))
  }
  return runs
}

async function* phasesOf(run: FilterRun, { requestBody = [], response = { status: 200 }, responseBody = [], entered }: FilterScript): AsyncGenerator<void> {
  const { exchange } = run
  await run.head('onRequestHeaders')
  entered?.()
  yield
  if (exchange.body !== undefined) run.requestBytes = await run.body('onRequestBody', requestBody)
  yield
  if (run.reply === undefined) Object.assign(exchange, { attempt: 1, endpoint: exchange.endpoint ?? endpoint(), attemptMs: performance.now() })
  await run.head('onAttempt')
  yield
  if (run.reply === undefined) outcome(exchange, response)
  if (exchange.response !== undefined) await run.head('onResponseHeaders')
  yield
  if (exchange.response !== undefined && run.reply === undefined) run.responseBytes = await run.body('onResponseBody', responseBody)
  yield
  run.end()
}
