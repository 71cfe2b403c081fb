// An exchange as another thread sees it: what crosses of it, and what it is made into over there.
import { Buffer } from 'node:buffer'
import type { RequestBody } from '@meshwright/core'
import { Exchange, Headers, MeshError, Request, Response } from '@meshwright/core/thread'
import { applyRequest, applyResponse, packRequest, packResponse, packTrailers, unpackTrailers } from './fields.ts'
import type { Opening, Outcome, PhaseCall, Progress, Properties, Side } from './messages.ts'
import { receiveCertificate, receivePlaces, sendCertificate, sendPlaces } from './places.ts'

// -- in the data-plane thread

export function openingOf(exchange: Exchange): Opening {
  const { request, body } = exchange
  return {
    version: request.version,
    scheme: request.scheme,
    peerAddress: request.peerAddress,
    clientAddress: request.clientAddress,
    id: request.id,
    upgrade: request.upgrade,
    expectContinue: request.expectContinue,
    listener: exchange.listener,
    hasBody: body !== undefined,
    declaredBytes: body?.declaredBytes,
    startedMs: performance.timeOrigin + exchange.startedMs,
    connection: request.connection && sendPlaces(request.connection),
    certificate: request.peerCertificate && sendCertificate(request.peerCertificate),
  }
}

export function progressOf(exchange: Exchange): Progress {
  const { route, service, endpoint, attempt, requestBytes, responseBytes, replied, error } = exchange
  return {
    route: route?.name,
    service: service === undefined ? undefined : { name: service.name, endpoints: service.endpoints.all.length },
    endpoint: endpoint === undefined ? undefined : { address: endpoint.address, port: endpoint.port, zone: endpoint.zone, metadata: endpoint.metadata },
    attempt,
    attemptMs: absolute(exchange.attemptMs),
    headersMs: absolute(exchange.headersMs),
    endedMs: absolute(exchange.endedMs),
    requestBytes,
    responseBytes,
    replied,
    error: error?.code,
  }
}

/** What guests have kept with the stream; undefined: nothing. */
export function propertiesOf(exchange: Exchange): Properties | undefined {
  const kept = exchange.state.wasmProperties
  return kept === undefined || kept.size === 0 ? undefined : [...kept]
}

/** Makes an exchange what the filter has made of it. */
export function applyOutcome(outcome: Outcome, exchange: Exchange): void {
  const { request, response } = exchange
  if (outcome.request !== undefined) applyRequest(outcome.request, request)
  if (outcome.response !== undefined && response !== undefined) applyResponse(outcome.response, response)
  if (outcome.requestTrailers !== undefined) request.trailers = unpackTrailers(outcome.requestTrailers)
  if (outcome.responseTrailers !== undefined && response !== undefined) response.trailers = unpackTrailers(outcome.responseTrailers)
  if (outcome.undeclared === true && exchange.body !== undefined) exchange.body.declaredBytes = undefined
  if (outcome.properties !== undefined) exchange.state.wasmProperties = toProperties(outcome.properties)
}

// -- in the other thread

/** Reads a body ahead, over there. */
export type ReadAhead = (of: Side, maxBytes: number) => Promise<{ readonly body: Uint8Array; readonly trailers: Headers | undefined }>

/** An exchange that is made of what crosses. Whoever looks at it sees an {@link Exchange}, as far as guests can ask. */
export class ExchangeView {
  readonly exchange: Exchange
  /** Set by the filter: the route is to be looked for again. */
  rerouted = false
  /** The sides of which the guest holds bytes back, as the data-plane thread knows, or has let some go since it was last asked. */
  readonly held: Set<Side> = new Set()
  readonly #read: ReadAhead
  readonly #body: { declaredBytes: number | undefined; trailers: Headers | undefined; read(maxBytes: number): Promise<Uint8Array> } | undefined
  #request = ''
  #response = ''
  #requestTrailers: string | undefined = undefined
  #responseTrailers: string | undefined = undefined
  #properties: Properties | undefined = undefined

  constructor(opening: Opening, packedRequest: string, read: ReadAhead) {
    const { connection, certificate } = opening
    this.#read = read
    this.#body = opening.hasBody ? { declaredBytes: opening.declaredBytes, trailers: undefined, read: async (most) => this.#readRequest(most) } : undefined
    const request = new Request({
      ...opening,
      method: '',
      path: packedRequest.split('\0', 2)[1] as string,
      query: '',
      hasQuery: false,
      authority: '',
      headers: new Headers(),
      peerCertificate: certificate && receiveCertificate(certificate),
      connection: connection && receivePlaces(connection),
    })
    applyRequest(packedRequest, request)
    this.#request = packedRequest
    this.exchange = new Exchange(request, this.#body as unknown as RequestBody | undefined, undefined, opening.listener, opening.startedMs - performance.timeOrigin)
  }

  /** Takes over what has changed outside. */
  update({ progress, request, response, phase, trailers, last, properties }: PhaseCall): void {
    const { exchange } = this
    if (request !== undefined && request !== this.#request) {
      applyRequest(request, exchange.request)
      this.#request = request
    }
    if (progress !== undefined) applyProgress(progress, exchange)
    if (response !== undefined) this.#respond(response)
    if (last === true && phase === 'requestBody') exchange.request.trailers = unpackTrailers((this.#requestTrailers = trailers))
    if (last === true && phase === 'responseBody' && exchange.response !== undefined) exchange.response.trailers = unpackTrailers((this.#responseTrailers = trailers))
    if (properties !== undefined) exchange.state.wasmProperties = toProperties(properties)
    this.#properties = propertiesOf(exchange)
  }

  /** What the filter has changed since. */
  changes(): Partial<Outcome> {
    const { exchange } = this
    const { request, response } = exchange
    const changes: { -readonly [K in keyof Outcome]?: Outcome[K] } = {}
    const packed = packRequest(request)
    if (packed !== this.#request) changes.request = this.#request = packed
    if (response !== undefined) {
      const packedResponse = packResponse(response)
      if (packedResponse !== this.#response) changes.response = this.#response = packedResponse
      const trailers = packTrailers(response.trailers)
      if (trailers !== undefined && trailers !== this.#responseTrailers) changes.responseTrailers = this.#responseTrailers = trailers
    }
    const trailers = packTrailers(request.trailers)
    if (trailers !== undefined && trailers !== this.#requestTrailers) changes.requestTrailers = this.#requestTrailers = trailers
    if (this.#body !== undefined && this.#body.declaredBytes === undefined) changes.undeclared = true
    if (this.rerouted) changes.rerouted = true
    this.rerouted = false
    const properties = propertiesOf(exchange)
    if (properties !== undefined && !sameProperties(properties, this.#properties)) changes.properties = this.#properties = properties
    return changes
  }

  #respond(packed: string): void {
    const response = (this.exchange.response ??= new Response(0, '', new Headers()))
    if (packed !== this.#response) applyResponse(packed, response)
    this.#response = packed
    response.source = { readResponse: async (most) => this.#readResponse(response, most) }
  }

  async #readRequest(maxBytes: number): Promise<Uint8Array> {
    const { body, trailers } = await this.#read('request', maxBytes)
    if (this.#body !== undefined) this.#body.trailers = trailers
    return body
  }

  async #readResponse(response: Response, maxBytes: number): Promise<Uint8Array> {
    const { body, trailers } = await this.#read('response', maxBytes)
    response.trailers = trailers
    this.#responseTrailers = packTrailers(trailers)
    return body
  }
}

function applyProgress(progress: Progress, exchange: Exchange): void {
  const { route, service, endpoint, error } = progress
  exchange.route = route === undefined ? undefined : ({ name: route } as Exchange['route'])
  exchange.service = service === undefined ? undefined : ({ name: service.name, endpoints: { all: { length: service.endpoints } } } as unknown as Exchange['service'])
  exchange.endpoint = endpoint as Exchange['endpoint']
  exchange.attempt = progress.attempt
  exchange.attemptMs = relative(progress.attemptMs)
  exchange.headersMs = relative(progress.headersMs)
  exchange.endedMs = relative(progress.endedMs)
  exchange.requestBytes = progress.requestBytes
  exchange.responseBytes = progress.responseBytes
  exchange.replied = progress.replied
  exchange.error = error === undefined ? undefined : new MeshError(error)
}

/** Clocks count from when their thread began; 0 stays what has not happened. */
function absolute(ms: number): number {
  return ms === 0 ? 0 : performance.timeOrigin + ms
}

function relative(ms: number): number {
  return ms === 0 ? 0 : ms - performance.timeOrigin
}

function toProperties(properties: Properties): Map<string, Buffer> {
  return new Map(properties.map(([name, value]) => [name, Buffer.from(value)]))
}

function sameProperties(some: Properties, others: Properties | undefined): boolean {
  return some.length === others?.length && some.every(([name, value], at) => others[at]?.[0] === name && others[at]?.[1] === value)
}
