// The routes of the admin API.
import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import type { Snapshot } from '../snapshot.ts'
import type { RouteSpec } from '../spec.ts'
import type { OpenApi } from './openapi.ts'
import { configSchema, openapiSchema, problemSchema, routesSchema, servicesSchema, stateSchema, workersSchema } from './schemas.ts'
import { optionSchemas, shown } from './shown.ts'
import type { AdminSource } from './source.ts'
import { needsToken } from './token.ts'

const bearer = { security: [{ bearer: [] }] }

function answering(summary: string, ok: TSchema, more: Readonly<Record<number, TSchema>> = {}, security: { readonly security?: readonly object[] } = {}): { schema: object } {
  return { schema: { summary, ...security, response: { 200: ok, ...more, '4xx': problemSchema } } }
}

export function addAdminRoutes(admin: FastifyInstance, source: AdminSource, openapi: OpenApi): void {
  admin.get('/ready', answering('May traffic come?', stateSchema, { 503: stateSchema }), (_request, answer) => {
    const status = source.draining ? 'draining' : source.ready ? 'ready' : 'starting'
    return answer.code(status === 'ready' ? 200 : 503).send({ status })
  })
  admin.get('/live', answering('Does the process answer?', stateSchema), () => ({ status: 'live' }))
  admin.get('/v1/config', { ...needsToken, ...answering('The configuration in force', configSchema, {}, bearer) }, () => ({
    revision: source.revision,
    file: source.file ?? null,
    lastReload: source.lastReload ?? null,
    listeners: source.listeners,
    spec: shown(source.spec, optionSchemas(source.provided)),
  }))
  admin.get('/v1/routes', answering('The routes in order of precedence', routesSchema), () => ({ routes: routeRows(source.snapshot) }))
  admin.get('/v1/services', answering('The services and their endpoints', servicesSchema), async () => {
    const { services, ...counts } = await source.services()
    return { ...counts, services: Object.entries(services).map(([name, endpoints]) => ({ name, endpoints })) }
  })
  admin.get('/v1/workers', answering('The data-plane threads', workersSchema), () => ({ workers: source.workers() }))
  admin.post('/v1/drain', { schema: { summary: 'Take no new connections and end what is under way', ...bearer, response: { 202: stateSchema, '4xx': problemSchema } } }, (_request, answer) => {
    source.startDrain()
    return answer.code(202).send({ status: 'draining' })
  })
  admin.get('/v1/openapi.json', answering('This document', openapiSchema), () => openapi.document())
}

function routeRows(snapshot: Snapshot): object[] {
  return snapshot.table.inOrder().map(({ host, value: route }) => ({
    name: route.name,
    host,
    match: shown(route.match),
    ...targetOf(route.spec),
    filters: route.chain.filters.map((filter) => filter.name),
  }))
}

function targetOf({ to, redirect, reply }: RouteSpec): object {
  const services = typeof to === 'string' ? [{ service: to, weight: 1 }] : (to ?? []).map(({ service, weight = 1 }) => ({ service, weight }))
  return { services, ...(redirect === undefined ? {} : { redirect }), ...(reply === undefined ? {} : { reply: { status: reply.status } }) }
}
