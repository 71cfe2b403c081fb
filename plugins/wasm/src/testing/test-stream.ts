// One request and its response on their way through a filter, as a mesh would take them.
import { Buffer } from 'node:buffer'
import { Exchange, type Headers, MeshError, Request, Response, type Filter, type Reply, type RequestBody, type Route } from '@meshwright/core'
import type { WasmFilter } from '../wasm.ts'
import { chunksOf, plainFields, ReceivedResponse, SentRequest, toHeaders, type PassedMessage, type TestBody, type TestFields } from './messages.ts'
import { keep, type TestProperty } from './test-surroundings.ts'

/** What comes from a client. */
export interface TestRequest {
  /** Default `GET`. */
  readonly method?: string
  /** With a query, if there is to be one. Default `/`. */
  readonly path?: string
  /** Default `shop.example`. */
  readonly authority?: string
  /** Default `http`. */
  readonly scheme?: 'http' | 'https'
  readonly headers?: TestFields
  /** Default: none. A list comes chunk by chunk and without a length. */
  readonly body?: TestBody
  readonly trailers?: TestFields
  /** Default `127.0.0.1`. */
  readonly clientAddress?: string
  /** Default `test-1`, `test-2`, … */
  readonly id?: string
  /** Properties of this stream, by their path with dots, that a filter before this one has set or this one is to find. */
  readonly properties?: Readonly<Record<string, TestProperty>>
}

/** What an endpoint answers. */
export interface TestResponse {
  /** Default 200. */
  readonly status?: number
  readonly headers?: TestFields
  readonly body?: TestBody
  readonly trailers?: TestFields
}

/** What the filter has answered in place of an endpoint. */
export interface TestReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly bytes: Buffer
}

/**
 * `passed`: what there is has gone on, to the endpoint or back to the client; `paused`: the filter holds it; `replied`: the
 * filter has answered; `failed`: the exchange ends with an error.
 */
export type StreamOutcome = 'passed' | 'paused' | 'replied' | 'failed'

/** Where the filter holds a stream. */
export type PausedIn = 'request headers' | 'request body' | 'response headers' | 'response body'

type Half = 'request' | 'response'
type Answer<T> = T | Promise<T>

const empty = new Uint8Array(0)

export class TestStream {
  readonly #filter: WasmFilter
  readonly #exchange: Exchange
  readonly #settled: () => Promise<void>
  readonly #request: TestRequest
  #sent: SentRequest | undefined = undefined
  #received: ReceivedResponse | undefined = undefined
  #reply: Reply | undefined = undefined
  #error: MeshError | undefined = undefined
  #pausedIn: PausedIn | undefined = undefined
  #over = false

  /** @internal */
  constructor(filter: WasmFilter, asked: TestRequest, number: number, settled: () => Promise<void>) {
    this.#filter = filter
    this.#request = asked
    this.#settled = settled
    this.#exchange = exchangeOf(asked, number)
    // There is no time between two chunks in which somebody could be woken.
    this.#exchange.run = { front: 0, turn: 0, answerFrom: (_filter, answer) => this.#answered(answer), wake() {} }
    keep(this.#exchange, asked.properties ?? {})
  }

  get outcome(): StreamOutcome {
    if (this.#error !== undefined) return 'failed'
    if (this.#reply !== undefined) return 'replied'
    return this.#pausedIn === undefined ? 'passed' : 'paused'
  }

  /** Where the filter holds it; undefined: nowhere. */
  get pausedIn(): PausedIn | undefined {
    return this.#pausedIn
  }

  /** What has gone on to the endpoint. @throws Error if nothing has */
  get sent(): SentRequest {
    return this.#sent ?? this.#nothing('sent to the endpoint')
  }

  /** What the filter has replied. @throws Error if it has not */
  get reply(): TestReply {
    const { status, headers, body } = this.#reply ?? this.#nothing('replied')
    return { status, headers: plainFields(headers) ?? {}, body: Buffer.from(body).toString(), bytes: Buffer.from(body) }
  }

  /** What the client gets of the endpoint's response. @throws Error if it gets nothing of it */
  get received(): ReceivedResponse {
    return this.#received ?? this.#nothing('given to the client')
  }

  /** Why the exchange failed. @throws Error if it has not */
  get error(): MeshError {
    return this.#error ?? this.#nothing('failed')
  }

  /** How often the filter has asked for the route to be chosen again. */
  rerouted = 0

  /** What filters have kept with this stream by `proxy_set_property`; undefined: nothing under this path. */
  property(path: string): Buffer | undefined {
    return this.#exchange.state.wasmProperties?.get(path)
  }

  /** The endpoint answers. Resolves when the response has passed the filter, or is held by it. @throws Error if the request has not reached the endpoint */
  async response(answer: TestResponse = {}): Promise<this> {
    if (this.#over) throw new Error('the exchange is over: no endpoint can answer it')
    if (this.outcome !== 'passed' || this.#sent?.complete !== true) throw new Error(`no endpoint can answer: ${this.#told()}`)
    if (this.#exchange.response !== undefined) throw new Error('the endpoint has answered already')
    void this.#respond(answer)
    await this.#settled()
    return this
  }

  /** The exchange is over: answered, failed, or given up by the client. The filter may log it. */
  async end(): Promise<this> {
    if (this.#over) return this
    this.#over = true
    this.#exchange.endedMs = performance.now()
    this.#exchange.error = this.#error
    this.#filter.onEnd(this.#exchange)
    await this.#settled()
    return this
  }

  /** @internal */
  is(exchange: Exchange): boolean {
    return this.#exchange === exchange
  }

  /** @internal The request comes in. */
  async begin(): Promise<this> {
    void this.#ask()
    await this.#settled()
    return this
  }

  async #ask(): Promise<void> {
    const exchange = this.#exchange
    const { request } = exchange
    await this.#phase(async () => {
      const replied = await this.#waits('request headers', this.#filter.onRequestHeaders?.(exchange))
      if (isReply(replied)) return this.#replyWith(replied)
      if (this.#over) return
      const sent = new SentRequest(request)
      this.#sent = sent
      const chunks = exchange.body === undefined ? undefined : chunksOf(this.#request.body)
      exchange.attempt = 1
      await this.#body('request', sent, chunks, this.#request.trailers)
    })
  }

  async #respond({ status = 200, headers, body, trailers }: TestResponse): Promise<void> {
    const exchange = this.#exchange
    const response = new Response(status, '', toHeaders(headers))
    exchange.response = response
    exchange.headersMs = performance.now()
    const chunks = chunksOf(body)
    response.source = {
      readResponse(maxBytes) {
        response.trailers = trailers === undefined ? undefined : toHeaders(trailers)
        return read(chunks, maxBytes, 'MESH_RESPONSE_BUFFER_FULL')
      },
    }
    await this.#phase(async () => {
      const replied = await this.#waits('response headers', this.#filter.onResponseHeaders?.(exchange))
      if (isReply(replied)) return this.#replyWith(replied)
      if (this.#over) return
      // As the core does it: a filter that sees the body may change its length.
      if (this.#filter.onResponseBody !== undefined) response.headers.delete('content-length')
      this.#received = new ReceivedResponse(response.status, response.headers)
      await this.#body('response', this.#received, chunks, trailers)
    })
  }

  /** Chunks, then the end, as a listener tells of them. */
  async #body(half: Half, message: PassedMessage, chunks: readonly Uint8Array[] | undefined, trailers: TestFields | undefined): Promise<void> {
    const onBody = half === 'request' ? this.#filter.onRequestBody : this.#filter.onResponseBody
    const target = half === 'request' ? this.#exchange.request : this.#exchange.response
    for (const chunk of chunks ?? []) if (chunk.byteLength > 0 && !(await this.#chunk(half, message, onBody, chunk, false))) return
    if (target !== undefined && trailers !== undefined) target.trailers ??= toHeaders(trailers)
    if (chunks !== undefined && !(await this.#chunk(half, message, onBody, empty, true))) return
    message.trailers = plainFields(target?.trailers)
    message.complete = true
    if (half === 'request') this.#exchange.requestBytes = message.bytes.byteLength
    else this.#exchange.responseBytes = message.bytes.byteLength
  }

  /** Answers whether the rest may come. */
  async #chunk(half: Half, message: PassedMessage, onBody: BodyPhase | undefined, chunk: Uint8Array, last: boolean): Promise<boolean> {
    const out = await this.#waits(`${half} body`, onBody?.call(this.#filter, this.#exchange, chunk, last))
    if (this.#over) return false
    if (isReply(out)) {
      this.#replyWith(out)
      return false
    }
    const passed = out ?? chunk
    if (passed.byteLength > 0) message.chunks.push(Buffer.from(passed))
    return true
  }

  async #waits<T>(where: PausedIn, answer: Answer<T>): Promise<T> {
    if (!(answer instanceof Promise)) return answer
    this.#pausedIn = where
    try {
      return await answer
    } finally {
      this.#pausedIn = undefined
    }
  }

  async #phase(run: () => Promise<void>): Promise<void> {
    try {
      await run()
    } catch (thrown) {
      this.#error = thrown instanceof MeshError ? thrown : new MeshError('MESH_FILTER_FAILED', String(thrown), thrown)
    }
  }

  /** The filter has spoken out of turn. */
  #answered(answer: Reply | MeshError): void {
    if (this.#over || this.#reply !== undefined || this.#error !== undefined) return
    if (answer instanceof MeshError) this.#error = answer
    else if (this.#received === undefined) this.#replyWith(answer)
    else this.#error = new MeshError('MESH_FILTER_FAILED', 'it replied when the response had begun')
  }

  #replyWith(made: Reply): void {
    this.#reply = made
    this.#exchange.replied = true
    this.#exchange.response = new Response(made.status, '', made.headers)
  }

  #nothing(what: string): never {
    throw new Error(`nothing was ${what}: ${this.#told()}`.replace('nothing was replied', 'the filter has not replied').replace('nothing was failed', 'the exchange has not failed'))
  }

  #told(): string {
    if (this.#error !== undefined) return `the exchange has failed with ${this.#error.message}`
    if (this.#reply !== undefined) return `the filter has replied with ${this.#reply.status}`
    if (this.#pausedIn !== undefined) return `the filter holds the ${this.#pausedIn}`
    return this.#received === undefined ? 'the request has gone on to the endpoint' : 'the response has gone on to the client'
  }
}

type BodyPhase = NonNullable<Filter['onRequestBody']>

function isReply(answer: unknown): answer is Reply {
  return typeof answer === 'object' && answer !== null && !(answer instanceof Uint8Array)
}

/** An exchange as it enters a filter. */
export function exchangeOf(asked: TestRequest, number: number): Exchange {
  const { method = 'GET', path = '/', authority = 'shop.example', scheme = 'http', clientAddress = '127.0.0.1', id = `test-${number}` } = asked
  const query = path.indexOf('?')
  const request = new Request({
    method,
    path: query < 0 ? path : path.slice(0, query),
    query: query < 0 ? '' : path.slice(query + 1),
    hasQuery: query >= 0,
    authority,
    scheme,
    headers: toHeaders(asked.headers),
    version: '1.1',
    peerAddress: clientAddress,
    clientAddress,
    id,
    upgrade: undefined,
    expectContinue: false,
  })
  return new Exchange(request, bodyOf(asked, request), { name: 'test' } as Route, 'test', performance.now())
}

/** As much of a body as a filter asks for. */
function bodyOf({ body, trailers }: TestRequest, request: Request): RequestBody | undefined {
  if (body === undefined && trailers === undefined) return undefined
  const chunks = chunksOf(body)
  const declared = Array.isArray(body) || trailers !== undefined ? undefined : chunks.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const made: Pick<RequestBody, 'declaredBytes' | 'read'> & { trailers: Headers | undefined } = {
    declaredBytes: declared,
    trailers: undefined,
    read(maxBytes) {
      made.trailers = request.trailers ??= trailers === undefined ? undefined : toHeaders(trailers)
      return read(chunks, maxBytes, 'MESH_REQUEST_BUFFER_FULL')
    },
  }
  return made as RequestBody
}

async function read(chunks: readonly Uint8Array[], maxBytes: number, full: 'MESH_REQUEST_BUFFER_FULL' | 'MESH_RESPONSE_BUFFER_FULL'): Promise<Uint8Array> {
  const whole = Buffer.concat(chunks)
  if (whole.byteLength > maxBytes) throw new MeshError(full, `more than ${maxBytes} bytes`)
  return whole
}
