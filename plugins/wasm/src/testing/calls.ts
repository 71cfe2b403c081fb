// What a filter asks of other services, and what a test answers it.
import { Buffer } from 'node:buffer'
import { Headers, MeshError, type CallRequest, type CallResponse, type ErrorCode } from '@meshwright/core'
import type { GrpcCall, GrpcEvents } from '../host/surroundings.ts'
import { plainFields, toHeaders, type TestFields } from './messages.ts'

/** What a service answers. */
export interface CallAnswer {
  /** Default 200. */
  readonly status?: number
  readonly headers?: TestFields
  readonly body?: string | Uint8Array
  readonly trailers?: TestFields
}

/**
 * Why there is no answer. `timeout`, `connect`: the guest sees 504, 503, as proxies say it; `reset`: the connection broke,
 * the guest sees an answer without fields. Or the code of an error of the mesh.
 */
export interface CallError {
  readonly error: 'timeout' | 'connect' | 'reset' | ErrorCode
}

const errors: Readonly<Record<string, ErrorCode>> = { timeout: 'MESH_DEADLINE_EXCEEDED', connect: 'MESH_CONNECT_FAILED', reset: 'MESH_UPSTREAM_CLOSED' }

/** `given up`: the filter does not want to know any more, or was closed. */
export type CallState = 'waiting' | 'answered' | 'failed' | 'given up'

/** One call of the filter to a service. */
export class TestCall {
  readonly service: string
  readonly method: string
  readonly path: string
  readonly authority: string
  readonly headers: Readonly<Record<string, string>>
  readonly bytes: Buffer
  readonly trailers: Readonly<Record<string, string>> | undefined
  /** Milliseconds; undefined: the filter has said nothing of it. */
  readonly timeoutMs: number | undefined
  state: CallState = 'waiting'
  /** @internal */
  readonly promise: Promise<CallResponse>
  readonly #settle: PromiseWithResolvers<CallResponse> = Promise.withResolvers()
  readonly #settled: () => Promise<void>
  #stopTimer: () => void = () => {}

  /** @internal @param settled resolves when everything that an answer sets off has happened */
  constructor(service: string, request: CallRequest, settled: () => Promise<void>) {
    this.service = service
    this.method = request.method ?? 'GET'
    this.path = request.path ?? '/'
    this.authority = request.authority ?? service
    this.headers = plainFields(request.headers ?? new Headers()) ?? {}
    this.bytes = Buffer.from(request.body ?? '')
    this.trailers = plainFields(request.trailers)
    this.timeoutMs = request.timeoutMs
    this.promise = this.#settle.promise
    this.#settled = settled
    request.signal?.addEventListener('abort', () => this.#end('given up', () => this.#settle.reject(new MeshError('MESH_CLIENT_CLOSED', 'the call was given up'))))
  }

  /** The body as text. */
  get body(): string {
    return this.bytes.toString()
  }

  /** Answers it, and lets the filter do with it what it does. @throws Error if it does not wait any more */
  async answer(answer: CallAnswer | CallError): Promise<void> {
    if (this.state !== 'waiting') throw new Error(`the call to "${this.service}" does not wait any more: ${this.state}`)
    this.give(answer)
    await this.#settled()
  }

  /** @internal */
  give(answer: CallAnswer | CallError): void {
    if ('error' in answer) this.#end('failed', () => this.#settle.reject(new MeshError(errors[answer.error] ?? (answer.error as ErrorCode))))
    else this.#end('answered', () => this.#settle.resolve(toResponse(answer)))
  }

  /** @internal */
  watch(stopTimer: () => void): void {
    this.#stopTimer = stopTimer
  }

  #end(state: CallState, settle: () => void): void {
    if (this.state !== 'waiting') return
    this.state = state
    this.#stopTimer()
    settle()
  }
}

function toResponse({ status = 200, headers, body = '', trailers }: CallAnswer): CallResponse {
  return { status, headers: toHeaders(headers), body: Buffer.from(body as string), trailers: trailers === undefined ? undefined : toHeaders(trailers) }
}

/** One gRPC call or stream of the filter. What the service says is said by the test; each resolves when the filter has heard it. */
export class TestGrpcCall {
  readonly service: string
  /** `/package.Service/Method`. */
  readonly path: string
  readonly metadata: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Messages that the filter has sent. */
  readonly sent: Buffer[] = []
  /** The filter sends no more. */
  ended = false
  state: 'open' | 'closed' | 'given up' = 'open'
  readonly #events: GrpcEvents
  readonly #settled: () => Promise<void>

  /** @internal */
  constructor(service: string, path: string, metadata: readonly string[], timeoutMs: number, events: GrpcEvents, settled: () => Promise<void>) {
    this.service = service
    this.path = path
    this.metadata = plainFields(new Headers([...metadata])) ?? {}
    this.timeoutMs = timeoutMs
    this.#events = events
    this.#settled = settled
  }

  /** @internal */
  readonly handle: GrpcCall = {
    send: (message, last) => {
      this.sent.push(Buffer.from(message))
      this.ended ||= last
    },
    end: () => {
      this.ended = true
    },
    cancel: () => {
      if (this.state === 'open') this.state = 'given up'
    },
  }

  async initialMetadata(fields: TestFields): Promise<void> {
    await this.#tell(() => this.#events.initialMetadata(toHeaders(fields).toList()))
  }

  async message(bytes: string | Uint8Array): Promise<void> {
    await this.#tell(() => this.#events.message(Buffer.from(bytes as string)))
  }

  async trailingMetadata(fields: TestFields): Promise<void> {
    await this.#tell(() => this.#events.trailingMetadata(toHeaders(fields).toList()))
  }

  /** @param status 0 is success */
  async close(status = 0, message = ''): Promise<void> {
    await this.#tell(() => {
      this.state = 'closed'
      this.#events.closed(status, message)
    })
  }

  async #tell(event: () => void): Promise<void> {
    if (this.state !== 'open') throw new Error(`the gRPC call to "${this.service}${this.path}" is not open any more: ${this.state}`)
    event()
    await this.#settled()
  }
}
