// reply.proxy: the slow, comfortable lane, for routes that want Fastify's own hooks and schemas around a service.
import replyFrom from '@fastify/reply-from'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { MeshError, errorKinds } from './errors.ts'
import { Exchange } from './exchange.ts'
import { takeIn } from './listener/intake.ts'
import type { MeshApp } from './mesh.ts'
import { problem } from './problem.ts'
import type { Runtime } from './runtime.ts'
import type { Service } from './service.ts'

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Forwards the request to a service through @fastify/reply-from: Fastify's hooks, schemas and reply apply, the mesh's
     * routes and filters do not. Balancing, admission and outlier detection do; there is no retry.
     * Costs about twice the CPU of a mesh route.
     * @param service a service of this mesh; an unknown one throws MESH_UNKNOWN_SERVICE
     * @param path the path upstream; default: that of the request
     */
    proxy(service: string, path?: string): FastifyReply
  }
}

/** Decorates every reply of the app. */
export function addReplyProxy(app: MeshApp): void {
  app.register(replyFrom, { disableRequestLogging: true })
  app.decorateReply('proxy', function (this: FastifyReply, name: string, path?: string) {
    const { runtime } = this.server.mesh
    const service = runtime.snapshot.services.get(name)
    if (service === undefined) throw new MeshError('MESH_UNKNOWN_SERVICE', `reply.proxy to "${name}"`)
    return forward(runtime, service, this.request, this, path)
  })
}

function forward(runtime: Runtime, service: Service, request: FastifyRequest, reply: FastifyReply, path: string | undefined): FastifyReply {
  const intake = takeIn(request.raw, runtime.listeners.defaultIntake)
  if (intake.error !== undefined) return refuse(reply, intake.error, intake.request.id)
  const exchange = new Exchange(intake.request, undefined, undefined, 'reply.proxy', performance.now())
  exchange.service = service
  exchange.attempt = 1
  exchange.attemptMs = exchange.startedMs
  const endpoint = service.pick(exchange)
  if (endpoint instanceof MeshError) return refuse(reply, endpoint, exchange.request.id)
  exchange.endpoint = endpoint
  const full = service.admit(exchange)
  if (full !== undefined) return refuse(reply, full, exchange.request.id)
  reply.raw.once('close', () => ended(runtime, service, exchange, reply))
  return reply.from(`http://${endpoint.address}${path ?? exchange.request.target}`, {
    rewriteRequestHeaders: () => headersOf(exchange),
    onError: (failed, { error }) => {
      exchange.error = new MeshError('MESH_CONNECT_FAILED', error.message, error)
      refuse(failed as unknown as FastifyReply, exchange.error, exchange.request.id)
    },
  })
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
