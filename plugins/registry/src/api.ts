// The routes of the registry on the admin API.
import type { Mesh } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { fromInstance, limits, toInstance, toServiceName } from './instance.ts'
import { Refusal, refusals } from './refusal.ts'
import type { ServiceRegistry, View } from './service-registry.ts'
import type { Watchers } from './watchers.ts'
import type { Writer } from './write-guard.ts'

/** The Fastify instance of the admin API. */
export type AdminApp = Parameters<Parameters<Mesh['onAdmin']>[0]>[0]

/** A registry that is open, and what follows it. */
export interface OpenRegistry {
  readonly registry: ServiceRegistry
  readonly watchers: Watchers
}

export interface ApiOptions {
  /** The registry, opened when it is asked for first. @throws Refusal REGISTRY_STORE_FAILED */
  readonly open: () => OpenRegistry
  /** @throws Refusal */
  readonly checkWrite: (writer: Writer) => void
  /** Told what went wrong here rather than with the request. */
  readonly failed: (error: Error) => void
}

const base = '/v1/registry'
const maxBodyBytes = 16_384

const text: TSchema = Type.String()
const serviceText: TSchema = Type.String({ minLength: 1, maxLength: limits.serviceLength })
const problem: TSchema = Type.Object({ type: text, title: text, status: Type.Integer(), code: text, detail: text }, { description: 'RFC 9457 problem details' })
const given = {
  service: serviceText,
  address: Type.String({ description: 'host:port; IPv6 in brackets' }),
  id: Type.Optional(Type.String({ maxLength: limits.idLength, description: 'Default: the address' })),
  version: Type.Optional(Type.String({ maxLength: limits.textLength })),
  zone: Type.Optional(Type.String({ maxLength: limits.textLength })),
  weight: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.weight, description: 'Default 1' })),
  priority: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.priority, description: 'Default 0' })),
  metadata: Type.Optional(Type.Record(Type.String(), Type.String(), { maxProperties: limits.metadataKeys, description: `At most ${limits.metadataBytes} bytes as JSON` })),
  ttlMs: Type.Optional(Type.Integer({ minimum: limits.minTtlMs, maximum: limits.maxTtlMs, description: 'Default 15000' })),
}
const instanceSchema: TSchema = Type.Object(given)
const listedSchema: TSchema = Type.Object({ ...given, expiresInMs: Type.Integer({ minimum: 0 }) })
const revisionSchema: TSchema = Type.Integer({ minimum: 0, description: 'Of the last change' })
const listSchema: TSchema = Type.Object({ registry: text, revision: revisionSchema, settled: Type.Boolean(), instances: Type.Array(listedSchema) }, { description: 'Instances in order of service and id' })
const servicesSchema: TSchema = Type.Object(
  { registry: text, revision: revisionSchema, services: Type.Array(Type.Object({ name: text, revision: revisionSchema, instances: Type.Integer({ minimum: 1 }) })) },
  { description: 'Services that have instances' },
)
const registeredSchema: TSchema = Type.Object({ service: text, id: text, lease: text, ttlMs: Type.Integer(), revision: revisionSchema }, { description: 'What to beat and to leave with' })
const watchSchema = { description: 'Server-sent events: each is the whole service', content: { 'text/event-stream': { schema: Type.Object({ registry: text, service: text, revision: revisionSchema, settled: Type.Boolean(), instances: Type.Array(instanceSchema) }) } } }
const serviceQuery = (optional: boolean): TSchema => Type.Object({ service: optional ? Type.Optional(serviceText) : serviceText })
const leaseQuery: TSchema = Type.Object({ lease: Type.Optional(Type.String({ description: 'Default: whosever it is' })) })

/** The parts of a request that are used here. */
interface Asked {
  readonly body?: unknown
  readonly params: unknown
  readonly query: unknown
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly raw: { readonly socket: { readonly remoteAddress?: string | undefined; readonly localAddress?: string | undefined } }
}

export function addRegistryRoutes(admin: AdminApp, { open, checkWrite, failed }: ApiOptions): void {
  answerRefusals(admin, failed)
  admin.get(`${base}/services`, reading('The services that have instances', servicesSchema), () => servicesOf(open().registry))
  admin.get(`${base}/instances`, reading('The instances of all services, or of one', listSchema, serviceQuery(true)), (request) => listOf(open().registry, queried(request, 'service')))
  admin.get(`${base}/watch`, { ...reading('A service now and after each change', watchSchema, serviceQuery(false)), exposeHeadRoute: false }, (request, answer) => {
    const service = queriedService(request)
    open().watchers.add(service, answer.raw, headerOf(request, 'last-event-id'))
    answer.hijack()
  })
  admin.post(`${base}/instances`, writing('Take an instance in, or what is new about it', { 200: registeredSchema, 201: registeredSchema }, { body: instanceSchema }), (request, answer) => {
    checkWrite(writerOf(request))
    const instance = toInstance(request.body)
    const { isNew, ...registered } = open().registry.register(instance)
    return answer.code(isNew ? 201 : 200).send({ service: instance.service, id: instance.id, ttlMs: instance.ttlMs, ...registered })
  })
  admin.post(`${base}/instances/:service/:id/heartbeat`, writing('It is alive', { 204: Type.Null({ description: 'Heard' }) }, { querystring: leaseQuery }), (request, answer) => {
    checkWrite(writerOf(request))
    const { service, id } = placeOf(request)
    if (!open().registry.heartbeat(service, id, queried(request, 'lease'))) throw new Refusal('REGISTRY_UNKNOWN_INSTANCE', 'register it again')
    return answer.code(204).send()
  })
  admin.delete(`${base}/instances/:service/:id`, writing('Take an instance out', { 204: Type.Null({ description: 'It is out, or was not in' }) }, { querystring: leaseQuery }), (request, answer) => {
    checkWrite(writerOf(request))
    const { service, id } = placeOf(request)
    open().registry.deregister(service, id, queried(request, 'lease'))
    return answer.code(204).send()
  })
}

/** The schemas describe; what is checked, with better words, is checked here. Writes show the token of the registry, not that of the admin API. */
const unchecked = { validatorCompiler: () => () => true, bodyLimit: maxBodyBytes, config: { adminToken: false } }

function reading(summary: string, ok: object, querystring?: TSchema): { schema: object } {
  return { ...unchecked, schema: { summary, ...(querystring !== undefined && { querystring }), response: { 200: ok, '4xx': problem } } }
}

function writing(summary: string, ok: Readonly<Record<number, TSchema>>, more: { body?: TSchema; querystring?: TSchema }): { schema: object } {
  return { ...unchecked, schema: { summary, security: [{ bearer: [] }], ...more, response: { ...ok, '4xx': problem } } }
}

/** The admin API's own handler would not show the reason. */
function answerRefusals(admin: AdminApp, failed: (error: Error) => void): void {
  const others = admin.errorHandler
  admin.setErrorHandler((error, request, answer) => {
    if (!(error instanceof Refusal)) return others.call(admin, error, request, answer)
    const { code, status, message } = error
    if (code === 'REGISTRY_STORE_FAILED') failed(error)
    if (status === 401) answer.header('www-authenticate', 'Bearer')
    // What is wrong with a file here is told here.
    const detail = code === 'REGISTRY_STORE_FAILED' ? 'see the log of the mesh' : message
    const body = { type: 'about:blank', title: refusals[code].title, status, code, detail }
    return answer.code(status).type('application/problem+json').serializer(JSON.stringify as (payload: unknown) => string).send(body)
  })
}

function servicesOf(registry: ServiceRegistry): object {
  const services = registry.services().map((name) => {
    const { revision, instances } = registry.view(name)
    return { name, revision, instances: instances.length }
  })
  return { registry: registry.id, revision: registry.revision, services }
}

function listOf(registry: ServiceRegistry, service: string | undefined): object {
  const views = (service === undefined ? registry.services() : [service]).map((name) => registry.view(name))
  const instances = views.flatMap((view: View) => view.instances).map((instance) => ({ ...fromInstance(instance), expiresInMs: registry.expiresInMs(instance) }))
  return { registry: registry.id, revision: registry.revision, settled: registry.settled, instances }
}

function writerOf(request: Asked): Writer {
  const { remoteAddress, localAddress } = request.raw.socket
  return { authorization: headerOf(request, 'authorization'), remoteAddress, localAddress }
}

function headerOf({ headers }: Asked, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

function placeOf({ params }: Asked): { service: string; id: string } {
  return params as { service: string; id: string }
}

function queriedService(request: Asked): string {
  try {
    return toServiceName(queried(request, 'service'))
  } catch (thrown) {
    throw new Refusal('REGISTRY_BAD_QUERY', (thrown as Error).message, thrown)
  }
}

function queried({ query }: Asked, name: string): string | undefined {
  const value = (query as Record<string, unknown>)[name]
  if (value === undefined || typeof value === 'string') return value
  throw new Refusal('REGISTRY_BAD_QUERY', `${name} stands there more than once`)
}
