// The door: provides the filter `access-log`, for requests and for connections.
import { definePlugin, type MeshPlugin, type NetworkFilter } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { accessLog, type AccessLog, type AccessLogOptions, type AccessLogParts } from './access-log.ts'

const names = (description: string): TSchema => Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 100, description }))

const schema: TSchema = Type.Object(
  {
    destination: Type.Optional(Type.String({ minLength: 1, description: 'stdout, stderr or the path of a file. Default stdout.' })),
    level: Type.Optional(Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], { description: 'The level that lines carry. Default info.' })),
    sample: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'Share of exchanges that are logged; failures always are. Default 1.' })),
    add: Type.Optional(Type.Array(Type.Enum(['query', 'userAgent', 'referer', 'scheme', 'version', 'peer']), { description: 'Fields beyond the usual ones.' })),
    requestHeaders: names('Request header fields to log; * takes all but the values of those that carry secrets.'),
    responseHeaders: names('Response header fields to log; * takes all but the values of those that carry secrets.'),
    bufferRecords: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Records that may wait to be written. Default 16384.' })),
    flushMs: Type.Optional(Type.Number({ minimum: 1, maximum: 60_000, description: 'Milliseconds that a record waits at most. Default 100.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/access-log', mesh: '^0.1.0' }, (mesh) => {
  const logs = new Map<string, AccessLog>()
  const dropped = mesh.metrics.counter('mesh_access_log_dropped_total', 'Exchanges missing in the access log because it could not be written, or not fast enough')
  // A configuration that is read again names the same log again: equal options share one, and its open file.
  const shared = (options: AccessLogOptions): AccessLog => {
    const key = JSON.stringify(options)
    const log = logs.get(key) ?? accessLog(options, { log: mesh.log, dropped })
    logs.set(key, log)
    return log
  }
  mesh.provide('filter', 'access-log', shared, schema)
  const forConnections = (options: AccessLogOptions): NetworkFilter => {
    const log = shared(options)
    return { name: log.name, onEnd: (connection) => log.connectionEnded(connection) }
  }
  mesh.provide('networkFilter', 'access-log', forConnections, schema)
  mesh.onClose(async () => {
    await Promise.all([...logs.values()].map((log) => log.close()))
  })
})

export default plugin
export { accessLog, type AccessLog, type AccessLogOptions, type AccessLogParts }
export type { LineStream } from './destination.ts'
export type { AccessRecord, ExtraField } from './record.ts'
