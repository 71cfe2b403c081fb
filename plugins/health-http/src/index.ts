// The door: provides the health check `http`.
import { definePlugin, healthScheduleProperties, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { http, type HttpHealthOptions, type HttpHealthTls } from './http.ts'

const statuses = (description: string): TSchema =>
  Type.Optional(Type.Array(Type.Union([Type.Integer({ minimum: 200, maximum: 599 }), Type.String({ pattern: '^[2-5][0-9]{2}-[2-5][0-9]{2}$' })]), { minItems: 1, maxItems: 100, description }))

const tls: TSchema = Type.Object(
  {
    serverName: Type.Optional(Type.String({ minLength: 1, description: 'Name to ask for and to verify. Default: the host that is asked for.' })),
    ca: Type.Optional(Type.String({ minLength: 1, description: 'Roots to verify with, in PEM. Default: those of the system.' })),
    verify: Type.Optional(Type.Boolean({ description: 'Whether the certificate is verified. Default true.' })),
  },
  { additionalProperties: false },
)

const schema: TSchema = Type.Object(
  {
    path: Type.Optional(Type.String({ pattern: '^/', description: 'Path and query to ask for. Default "/".' })),
    method: Type.Optional(Type.Enum(['GET', 'HEAD', 'OPTIONS', 'POST'], { description: 'Default GET.' })),
    host: Type.Optional(Type.String({ minLength: 1, description: 'The Host to ask for. Default: host and port of the endpoint.' })),
    headers: Type.Optional(Type.Record(Type.String(), Type.String(), { maxProperties: 100, description: 'Further header fields.' })),
    statuses: statuses('Statuses of a fit endpoint: numbers, and ranges as in "200-299". Default [200].'),
    retriableStatuses: statuses('Other statuses that count towards unhealthyThreshold instead of being believed at once. Default none.'),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port to ask on. Default: that of the endpoint.' })),
    reuseConnection: Type.Optional(Type.Boolean({ description: 'Whether the connection is kept for the next check. Default true.' })),
    tls: Type.Optional(Type.Union([Type.Boolean(), tls], { description: 'Whether to ask over TLS, and how. Default false.' })),
    ...healthScheduleProperties,
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/health-http', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('health', 'http', (options: HttpHealthOptions) => http(options), schema)
})

export default plugin
export { http, type HttpHealthOptions, type HttpHealthTls }
