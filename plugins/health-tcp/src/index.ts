// The door: provides the health check `tcp`.
import { definePlugin, healthScheduleProperties, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { tcp, type TcpBytes, type TcpHealthOptions } from './tcp.ts'

const bytes = (description: string): TSchema =>
  Type.Optional(
    Type.Union([Type.String({ minLength: 1, maxLength: 1_024 }), Type.Object({ hex: Type.String({ pattern: '^([0-9A-Fa-f]{2})+$', maxLength: 2_048 }) }, { additionalProperties: false })], { description }),
  )

const schema: TSchema = Type.Object(
  {
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port to connect to. Default: that of the endpoint.' })),
    send: bytes('What is sent once connected: a text, or bytes as { hex: "01ff" }. Default: nothing.'),
    expect: bytes('What has to be among the first 1024 bytes that the endpoint sends. Default: nothing, a connection is enough.'),
    ...healthScheduleProperties,
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/health-tcp', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('health', 'tcp', (options: TcpHealthOptions) => tcp(options), schema)
})

export default plugin
export { tcp, type TcpBytes, type TcpHealthOptions }
