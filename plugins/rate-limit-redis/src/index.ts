// The door: provides the filter `rate-limit-redis`.
import { definePlugin, keySchema, type Mesh, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import type { Store } from './leases.ts'
import { RedisStore } from './redis-store.ts'
import { defaultPrefix } from './settings.ts'
import { rateLimitRedis, type RateLimitRedisCounters, type RateLimitRedisOptions, type RateLimitRedisParts } from './rate-limit-redis.ts'
import { Stores } from './stores.ts'
import { readTls } from './tls.ts'

const whole = (maximum: number, description: string, minimum: number = 1): TSchema => Type.Optional(Type.Integer({ minimum, maximum, description }))

const schema: TSchema = Type.Object(
  {
    url: Type.String({ pattern: '^rediss?://', maxLength: 2000, description: 'redis:// or rediss://, with user:password@ if need be.' }),
    ca: Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description: 'Path of a PEM file with the roots to verify Redis with; for rediss://. Default: those that Node trusts.' })),
    serverName: Type.Optional(Type.String({ minLength: 1, maxLength: 253, description: 'The name that its certificate must have. Default: the host of the url.' })),
    prefix: Type.Optional(Type.String({ pattern: '^[!-~]{0,100}$', description: 'In front of every key in Redis. Default "meshwright:".' })),
    requests: Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'Requests per window that each key may make, in the whole fleet.' }),
    windowMs: whole(31_536_000_000, 'Milliseconds. Default 1000.'),
    burst: whole(100_000_000, 'Requests that a key may make at once after a rest. Default: as many as requests.'),
    key: Type.Optional(keySchema('What tells budgets apart. Default [route, address].')),
    missing: Type.Optional(Type.Enum(['address', 'share', 'pass'], { description: 'A request that lacks a part of the key: counted by its address, in one budget for all such requests, or not at all. Default address.' })),
    ipv6Prefix: whole(128, 'The bits of an IPv6 address that tell clients apart. Default 64.'),
    lease: whole(10_000, 'The most requests that a thread takes out of a budget at once. Default a fiftieth of the burst, 1 to 100.'),
    leaseMs: whole(60_000, 'Milliseconds that a thread keeps them. Default 1000.'),
    timeoutMs: whole(10_000, 'Milliseconds that a request waits for Redis. Default 20.'),
    keys: whole(1_000_000, 'Keys that a thread remembers. Default 10000.', 2),
    onFailure: Type.Optional(Type.Enum(['local', 'open', 'closed'], { description: 'While Redis is away each thread lets its share through, everything passes, or everything is answered 503. Default local.' })),
    share: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'That share. Default: one of as many as there are threads in the fleet.' })),
    shadow: Type.Optional(Type.Boolean({ description: 'Only count what would be refused. Default false.' })),
    headers: Type.Optional(Type.Enum(['refused', 'none'], { description: 'Whether refusals say how long to wait. Default refused.' })),
    legacyHeaders: Type.Optional(Type.Boolean({ description: 'X-RateLimit fields beside those of the standard. Default false.' })),
    envoyHeader: Type.Optional(Type.Boolean({ description: 'x-envoy-ratelimited on what is refused. Default false.' })),
    name: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$', description: 'For metrics, fields and keys. Default "default".' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/rate-limit-redis', mesh: '^0.1.0' }, (mesh) => {
  const up = mesh.metrics.gauge('mesh_rate_limit_redis_up', 'Connections to Redis that answer')
  const stores = new Stores((url, prefix, tls) => new RedisStore(url, prefix, { log: mesh.log, up, tls }))
  mesh.provide(
    'filter',
    'rate-limit-redis',
    (options: RateLimitRedisOptions) => {
      const counters = countersOf(mesh, options.name ?? 'default')
      const tls = readTls(options)
      // The supervisor checks options; it has no requests to count.
      if (mesh.side === 'control') return rateLimitRedis(options, { counters, store: () => nowhere })
      return rateLimitRedis(options, {
        counters,
        store: (limiter, settled) => stores.take(settled.url, settled.prefix, tls).of(limiter, settled),
        release: () => stores.release(options.url, options.prefix ?? defaultPrefix, tls),
      })
    },
    schema,
  )
  mesh.onClose(async () => stores.close())
})

const nowhere: Store = {
  isAway: true,
  holders: 1,
  lease: async () => ({ taken: 0, waitMs: 0 }),
  doubt() {},
}

function countersOf({ metrics }: Mesh, limiter: string): RateLimitRedisCounters {
  const requestsOf = (result: string): RateLimitRedisCounters['allowed'] => metrics.counter('mesh_rate_limit_requests_total', 'Requests that a limiter has allowed, refused, or would have refused', { limiter, result })
  return {
    allowed: requestsOf('allowed'),
    refused: requestsOf('refused'),
    shadow: requestsOf('shadow'),
    alone: metrics.counter('mesh_rate_limit_alone_total', 'Requests that a limiter has decided without the store of its budgets', { limiter }),
  }
}

export default plugin
export { rateLimitRedis, type RateLimitRedisCounters, type RateLimitRedisOptions, type RateLimitRedisParts }
export type { Lease, Rate, Store } from './leases.ts'
export type { Missing } from './key.ts'
export type { Settled } from './settings.ts'
