// The admin API: a Fastify app on an address of its own, never reachable through a listener.
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import type { BearerTokenOptions } from '../bearer-tokens.ts'
import { MeshError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { parseAddress } from '../static-discovery.ts'
import { adminGuard } from './guard.ts'
import { OpenApi } from './openapi.ts'
import { addAdminRoutes } from './routes.ts'
import type { AdminSource } from './source.ts'
import { tokenGuard } from './token.ts'

export const defaultAdminAddress = '127.0.0.1:9901'

/** More than people, scrapers and the services of a registry need, and few enough to be harmless. */
const maxConnections = 1024
const headTimeoutMs = 10_000

export interface AdminOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /** Names by which it is reached. */
  readonly hosts: readonly string[]
  /** What must be shown to see or change more than anybody may. */
  readonly tokens: BearerTokenOptions
  readonly source: AdminSource
  /** What plugins add. */
  readonly mounts: readonly ((admin: FastifyInstance) => void)[]
  readonly log: Logger
}

/** An admin API that answers. */
export interface RunningAdmin {
  readonly url: string
  close(): Promise<void>
}

/** @throws MESH_LISTEN_FAILED, MESH_BAD_OPTIONS */
export async function startAdmin({ address, hosts, tokens, source, mounts, log }: AdminOptions): Promise<RunningAdmin> {
  const { host, port } = parseAddress(address)
  const refusal = tokenGuard(host, tokens, log)
  // A path that cannot be decoded comes to no hook and no handler.
  const frameworkErrors = (_error: FastifyError, _request: unknown, answer: FastifyReply): void => void problem(answer, 400, 'Bad request')
  const { fastify } = await import('fastify')
  const admin = fastify({ bodyLimit: 1024, requestTimeout: headTimeoutMs, forceCloseConnections: true, frameworkErrors })
  admin.server.maxConnections = maxConnections
  const openapi = new OpenApi()
  admin.addHook('onRoute', (route) => openapi.add(route))
  guard(admin, adminGuard(host, hosts))
  askForToken(admin, refusal)
  answerErrors(admin, log)
  addAdminRoutes(admin, source, openapi)
  for (const mount of mounts) await admin.register(async (scope) => mount(scope))
  try {
    const url = await admin.listen({ host, port })
    return { url, close: async () => admin.close() }
  } catch (cause) {
    await admin.close()
    throw new MeshError('MESH_LISTEN_FAILED', `admin ${address}: ${(cause as Error).message}`, cause)
  }
}

function guard(admin: FastifyInstance, refusal: ReturnType<typeof adminGuard>): void {
  admin.addHook('onRequest', (request, answer, done) => {
    const why = refusal(request.headers)
    if (why === undefined) done()
    else problem(answer, 403, 'Refused', why)
  })
}

function askForToken(admin: FastifyInstance, refusal: ReturnType<typeof tokenGuard>): void {
  admin.addHook('onRequest', (request, answer, done) => {
    const why = request.is404 ? undefined : refusal(request)
    if (why === undefined) done()
    else problem(answer.header('www-authenticate', 'Bearer'), 401, 'The admin token is needed', why)
  })
}

function answerErrors(admin: FastifyInstance, log: Logger): void {
  admin.setNotFoundHandler((request, answer) => problem(answer, 404, 'Not found', `${request.method} ${request.url}`))
  admin.setErrorHandler((error: FastifyError, request, answer) => {
    const status = error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 500
    if (status === 500) log.error({ err: error, code: 'MESH_INTERNAL', url: request.url }, 'the admin API failed')
    return problem(answer, status, status === 500 ? 'The mesh failed' : 'Bad request')
  })
}

function problem(answer: FastifyReply, status: number, title: string, detail?: string): FastifyReply {
  const code = status === 500 ? 'MESH_INTERNAL' : 'MESH_BAD_REQUEST'
  const body = { type: 'about:blank', title, status, code, ...(detail === undefined ? {} : { detail }) }
  // Serialised here: a route's own schema for this status must not change it.
  return answer.code(status).type('application/problem+json').serializer(JSON.stringify as (payload: unknown) => string).send(body)
}
