// Builders: endpoints and exchanges as a plugin meets them in a mesh, made of a few words.
import { Chain } from '../chain.ts'
import { Endpoint, type EndpointSpec } from '../endpoint.ts'
import { EndpointSet } from '../endpoint-set.ts'
import { MeshError, type ErrorCode } from '../errors.ts'
import { Exchange, Request, Response, type RequestParts } from '../exchange.ts'
import { Headers } from '../headers.ts'
import type { Transport } from '../questions.ts'
import { RequestBody, type BodyReceiver, type BodySource } from '../request-body.ts'
import { Route } from '../route/route.ts'
import { inTurn, Service } from '../service.ts'
import { toEndpointSpec } from '../static-discovery.ts'

/** An endpoint: `host:port`, or what differs from `127.0.0.1:80` and from an idle, fit one. */
export type EndpointParts = Partial<EndpointSpec> & Partial<Pick<Endpoint, 'inFlight' | 'healthy' | 'lastLatencyMs' | 'probation' | 'restingUntilMs'>>

/** Makes an endpoint. Its live state is for the caller to change, as the core does. */
export function endpoint(parts: string | EndpointParts = {}): Endpoint {
  if (typeof parts === 'string') return new Endpoint(toEndpointSpec(parts))
  const { inFlight, healthy, lastLatencyMs, probation, restingUntilMs, ...spec } = parts
  const made = new Endpoint({ host: '127.0.0.1', port: 80, ...spec })
  return Object.assign(made, defined({ inFlight, healthy, lastLatencyMs, probation, restingUntilMs }))
}

/** Makes endpoints that differ in id and port. @param parts what they have in common, or a function of their index */
export function endpoints(count: number, parts: EndpointParts | ((index: number) => EndpointParts) = {}): Endpoint[] {
  return Array.from({ length: count }, (_, index) => endpoint({ id: `e${index}`, port: 9_000 + index, ...(typeof parts === 'function' ? parts(index) : parts) }))
}

/** What differs from a GET of `/` without a body that nobody has answered yet. */
export interface ExchangeParts {
  readonly method?: string
  /** With a query, if there is to be one. */
  readonly path?: string
  readonly authority?: string
  readonly scheme?: 'http' | 'https'
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** A text is sent as UTF-8, a list chunk by chunk. */
  readonly body?: string | Uint8Array | readonly Uint8Array[]
  readonly clientAddress?: string
  readonly id?: string
  readonly upgrade?: string
  /** Of the response. With it the attempt has been answered, `latencyMs` after it was sent. */
  readonly status?: number
  readonly responseHeaders?: Readonly<Record<string, string | readonly string[]>>
  /** Why it failed. */
  readonly error?: ErrorCode | MeshError
  /** Milliseconds from sending to the response head; default 10. */
  readonly latencyMs?: number
  /** Default: one named `users`, with the endpoint of the exchange or one at 127.0.0.1:80. */
  readonly service?: Service
  /** Of the current attempt. */
  readonly endpoint?: Endpoint
  /** Default: 1 with an endpoint, a status or an error, else 0. */
  readonly attempt?: number
  /** The endpoints of the attempts before. */
  readonly tried?: readonly Endpoint[]
}

/** Makes an exchange of the listener `testing`, on a route and for a service that exist as in a mesh. */
export function exchange(parts: ExchangeParts = {}): Exchange {
  const service = parts.service ?? serviceOf(parts.endpoint === undefined ? [endpoint()] : [parts.endpoint])
  const route = new Route('testing', { to: service.name }, {}, '/', new Chain([]), new Map([[service.name, service]]), () => 0)
  const made = new Exchange(new Request(requestParts(parts)), bodyOf(parts.body), route, 'testing', performance.now())
  made.service = service
  const isUnderWay = parts.endpoint !== undefined || parts.status !== undefined || parts.error !== undefined
  made.attempt = parts.attempt ?? (isUnderWay ? 1 : 0)
  made.endpoint = parts.endpoint ?? (isUnderWay ? service.endpoints.all[0] : undefined)
  made.tried = parts.tried ?? []
  if (isUnderWay) made.attemptMs = made.startedMs
  return outcome(made, parts)
}

/** How an attempt ends. */
export type Outcome = Pick<ExchangeParts, 'status' | 'responseHeaders' | 'error' | 'latencyMs'>

/** Lets an exchange be answered, or fail. What stood there of an earlier attempt is gone. @returns the same exchange */
export function outcome(made: Exchange, { status, responseHeaders, error, latencyMs = 10 }: Outcome): Exchange {
  made.response = status === undefined ? undefined : new Response(status, '', Headers.from(responseHeaders ?? {}))
  made.error = typeof error === 'string' ? new MeshError(error) : error
  if (status !== undefined) made.headersMs = made.attemptMs + latencyMs
  return made
}

/** Makes a service with these endpoints. Nothing can be sent to them. */
export function serviceOf(members: readonly Endpoint[], name = 'users'): Service {
  const set = new EndpointSet(name)
  set.publish(members.map(({ id, host, port, weight, priority }) => ({ id, host, port, weight: Math.max(1, Math.round(weight)), priority })))
  return new Service(name, {}, set, { balancer: inTurn, transport: nowhere, admissions: [], outlier: undefined, retry: undefined })
}

const nowhere: Transport = {
  send() {
    throw new Error('an exchange made for a test cannot be sent')
  },
  async close() {},
}

function requestParts(parts: ExchangeParts): RequestParts {
  const { method = 'GET', path = '/', authority = 'shop.example', scheme = 'http', headers = {}, clientAddress = '127.0.0.1', id = 'testing-1', upgrade } = parts
  const at = path.indexOf('?')
  return {
    method,
    path: at < 0 ? path : path.slice(0, at),
    query: at < 0 ? '' : path.slice(at + 1),
    hasQuery: at >= 0,
    authority,
    scheme,
    headers: Headers.from(headers),
    version: '1.1',
    peerAddress: clientAddress,
    clientAddress,
    id,
    upgrade,
    expectContinue: false,
  }
}

function bodyOf(body: ExchangeParts['body']): RequestBody | undefined {
  if (body === undefined) return undefined
  const chunks = typeof body === 'string' ? [new TextEncoder().encode(body)] : body instanceof Uint8Array ? [body] : body
  return new RequestBody(sourceOf(chunks), chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0), 0)
}

function sourceOf(chunks: readonly Uint8Array[]): BodySource {
  return {
    open(receiver: BodyReceiver) {
      for (const chunk of chunks) receiver.receive(chunk)
      receiver.finish(undefined)
    },
    pause() {},
    resume() {},
  }
}

function defined(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}
