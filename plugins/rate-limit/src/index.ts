// The door: provides the filter `rate-limit`; registered with options, it adds one to its scope.
import { definePlugin, keySchema, type Mesh, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { memoryOf, rateLimit, type RateLimitCounters, type RateLimiter, type RateLimitOptions, type RateLimitParts } from './rate-limit.ts'

const properties = {
  windowMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 31_536_000_000, description: 'Milliseconds. Default 1000.' })),
  burst: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'Requests that a key may make at once after a rest. Default: as many as requests.' })),
  key: Type.Optional(keySchema('What tells budgets apart. Default [route, address].')),
  missing: Type.Optional(Type.Enum(['address', 'share', 'pass'], { description: 'A request that lacks a part of the key: counted by its address, in one budget for all such requests, or not at all. Default address.' })),
  keys: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Keys that are told apart at a time. Default 10000.' })),
  ipv6Prefix: Type.Optional(Type.Integer({ minimum: 1, maximum: 128, description: 'The bits of an IPv6 address that tell clients apart. Default 64.' })),
  shadow: Type.Optional(Type.Boolean({ description: 'Only count what would be refused. Default false.' })),
  headers: Type.Optional(Type.Enum(['refused', 'all', 'none'], { description: 'Which responses say what is left. Default refused.' })),
  legacyHeaders: Type.Optional(Type.Boolean({ description: 'X-RateLimit fields beside those of the standard. Default false.' })),
  envoyHeader: Type.Optional(Type.Boolean({ description: 'x-envoy-ratelimited on what is refused. Default false.' })),
  name: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$', description: 'For metrics and fields; limiters with the same name and numbers share budgets. Default "default".' })),
}
const requests = Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'Requests per window that each key may make.' })

const schema: TSchema = Type.Object({ requests, ...properties }, { additionalProperties: false })
const pluginSchema: TSchema = Type.Union([Type.Object({}, { additionalProperties: false }), schema])

const plugin: MeshPlugin<Partial<RateLimitOptions>> = definePlugin<Partial<RateLimitOptions>>({ name: '@meshwright/rate-limit', mesh: '^0.1.0', options: pluginSchema }, (mesh, options) => {
  // Each scope may register it with a rate of its own.
  if (!mesh.provided('filter').some(({ name }) => name === 'rate-limit')) provide(mesh)
  if (options.requests !== undefined) mesh.filter({ 'rate-limit': options })
})

function provide(mesh: Mesh): void {
  mesh.provide(
    'filter',
    'rate-limit',
    (options: RateLimitOptions, context) => {
      const { name, bytes } = memoryOf(options)
      return rateLimit(options, { memory: context.shared(name, bytes), counters: countersOf(mesh, options.name ?? 'default') })
    },
    schema,
  )
}

function countersOf({ metrics }: Mesh, limiter: string): RateLimitCounters {
  const requestsOf = (result: string): RateLimitCounters['allowed'] => metrics.counter('mesh_rate_limit_requests_total', 'Requests that a limiter has allowed, refused, or would have refused', { limiter, result })
  return {
    allowed: requestsOf('allowed'),
    refused: requestsOf('refused'),
    shadow: requestsOf('shadow'),
    forgotten: metrics.counter('mesh_rate_limit_forgotten_total', 'Budgets that were forgotten before they were full again, to make room for other keys', { limiter }),
  }
}

export default plugin
export { rateLimit, type RateLimitCounters, type RateLimiter, type RateLimitOptions, type RateLimitParts }
export type { Clock } from './clock.ts'
export type { Missing } from './key.ts'
