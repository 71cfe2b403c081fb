// The door: provides the discovery `dns`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { dns, type DnsHost, type DnsOptions } from './dns.ts'

function milliseconds(minimum: number, maximum: number, description: string): TSchema {
  return Type.Optional(Type.Number({ minimum, maximum, description }))
}

const schema: TSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 254, description: 'The whole name; no search domain is added.' }),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: 'Of the endpoints. Needed for addresses, refused for SRV, whose records say it.' })),
    type: Type.Optional(Type.Union(['A', 'AAAA', 'A+AAAA', 'SRV'].map((type) => Type.Literal(type)), { description: 'Which records. Default A+AAAA.' })),
    servers: Type.Optional(Type.Array(Type.String(), { minItems: 1, maxItems: 16, description: 'DNS servers, address or address:port, asked in this order. Default: those of the system.' })),
    minTtlMs: milliseconds(100, 3_600_000, 'Records are asked for again no sooner than this. Default 1000.'),
    maxTtlMs: milliseconds(100, 86_400_000, 'And no later. Default 300000.'),
    negativeTtlMs: milliseconds(100, 86_400_000, 'The same after a no or a failure. Default 10000.'),
    timeoutMs: milliseconds(10, 60_000, 'How long one server is waited for, each time it is asked. Default 2000.'),
    maxEndpoints: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, description: 'Most endpoints that are taken. Default 1000.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/discovery-dns', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('discovery', 'dns', (options: DnsOptions) => dns(options, { log: mesh.log, metrics: mesh.metrics }), schema)
})

export default plugin
export { dns, type DnsHost, type DnsOptions }
