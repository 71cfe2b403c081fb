// reply.proxy: the slow, comfortable lane, for routes that want Fastify's own hooks and schemas around a service.
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { MeshError, errorKinds } from './errors.ts'
import { Exchange, Response } from './exchange.ts'
import { Headers } from './headers.ts'
import { intakeOf } from './listener/connections.ts'
import { takeIn } from './listener/intake.ts'
import type { MeshApp } from './mesh.ts'
import { problem } from './problem.ts'
import type { Runtime } from './runtime.ts'
import type { Service } from './service.ts'
import { toUpstreamError } from './transport/upstream-error.ts'

/** Decorates every reply of the app. @fastify/reply-from is loaded here: it brings an undici of its own, 5 MB of heap. */
export function addReplyProxy(app: MeshApp): void {
  app.register(import('@fastify/reply-from'), { disableRequestLogging: true })
  app.decorateReply('proxy', function (this: FastifyReply, name: string, path?: string) {
    const { runtime } = this.server.mesh
    const service = runtime.snapshot.services.get(name)
    if (service === undefined) throw new MeshError('MESH_UNKNOWN_SERVICE', `reply.proxy to "${name}"`)
    // It would go out in the clear.
    if (service.spec.tls !== undefined && service.spec.tls !== false) throw new MeshError('MESH_BAD_OPTIONS', `reply.proxy speaks no TLS, and the service "${name}" asks for it`)
    return forward(runtime, service, this.request, this, path)
  })
}

function forward(runtime: Runtime, service: Service, request: FastifyRequest, reply: FastifyReply, path: string | undefined): FastifyReply {
  const intake = takeIn(request.raw, request.raw.socket, ...intakeOf(request.raw.socket, runtime.listeners.defaultIntake))
  if (intake.error !== undefined) return refuse(reply, intake.error, intake.request.id)
  const exchange = new Exchange(intake.request, undefined, undefined, 'reply.proxy', performance.now())
  exchange.service = service
  exchange.attempt = 1
  exchange.attemptMs = exchange.startedMs
  const endpoint = service.pick(exchange)
  if (endpoint instanceof MeshError) return refuse(reply, endpoint, exchange.request.id)
  exchange.endpoint = endpoint
  // The client has left already: nobody would tell us to uncount it.
  if (reply.raw.destroyed) return reply.hijack()
  const full = service.admit(exchange)
  if (full !== undefined) return refuse(reply, full, exchange.request.id)
  reply.raw.once('close', () => ended(runtime, service, exchange, reply))
  return reply.from(`http://${endpoint.address}${path ?? exchange.request.target}`, {
    rewriteRequestHeaders: () => headersOf(exchange),
    timeout: longer(service.timeouts.responseHeadersMs, service.timeouts.responseIdleMs),
    // Without this a 503 would be asked for again, ten times.
    retryDelay: () => null,
    onResponse: (_request, answered, response) => respond(exchange, answered as unknown as FastifyReply, response),
    onError: (failed, { error }) => {
      exchange.error = failure(error)
      refuse(failed as unknown as FastifyReply, exchange.error, exchange.request.id)
    },
  })
}

/** What @fastify/reply-from has of the response. */
interface Answered {
  readonly statusCode: number
  readonly stream: Readable
}

function respond(exchange: Exchange, reply: FastifyReply, { statusCode, stream }: Answered): void {
  exchange.headersMs = performance.now()
  exchange.response = new Response(statusCode, '', new Headers())
  if (exchange.endpoint !== undefined) exchange.endpoint.lastLatencyMs = exchange.headersMs - exchange.attemptMs
  stream.once('error', (cause: Error) => {
    if (!reply.raw.destroyed) exchange.error ??= toUpstreamError(cause, true, true)
  })
  void reply.send(stream)
}

/** 0 is for ever. */
function longer(oneMs: number, otherMs: number): number {
  return oneMs === 0 || otherMs === 0 ? 0 : Math.max(oneMs, otherMs)
}

/** @fastify/reply-from wraps what went wrong into an error of its own. */
function failure(error: Error): MeshError {
  const cause = (error.cause instanceof Error ? error.cause : error) as Error & { code?: string }
  if (cause.code === 'UND_ERR_HEADERS_TIMEOUT') return new MeshError('MESH_RESPONSE_HEADERS_TIMEOUT', undefined, cause)
  return toUpstreamError(cause, true, false)
}

function ended(runtime: Runtime, service: Service, exchange: Exchange, reply: FastifyReply): void {
  exchange.endedMs = performance.now()
  if (!reply.raw.writableFinished) exchange.error ??= new MeshError('MESH_CLIENT_CLOSED')
  const failed = service.attemptEnded(exchange, { sent: true })
  if (failed !== undefined) runtime.pluginFailed(failed)
}

function headersOf({ request }: Exchange): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { host: request.authority }
  for (const [name] of request.headers) {
    const values = request.headers.getAll(name)
    headers[name.toLowerCase()] = values.length === 1 ? (values[0] as string) : values
  }
  return headers
}

function refuse(reply: FastifyReply, error: MeshError, requestId: string): FastifyReply {
  const answer = problem(error, requestId)
  return reply.code(errorKinds[error.code].status || 500).type('application/problem+json').send(Buffer.from(answer.body))
}
