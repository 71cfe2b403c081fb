// The door: provides the filter `deadline`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { deadline, type DeadlineOptions } from './deadline.ts'

const schema: TSchema = Type.Object(
  {
    headers: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
        minItems: 1,
        maxItems: 8,
        description: 'Request headers that say how many milliseconds a caller waits; the first is written for endpoints. Default x-request-timeout-ms and two of Envoy.',
      }),
    ),
    maxMs: Type.Optional(Type.Number({ minimum: 1, maximum: 86_400_000, description: 'A caller who says more gets this. Milliseconds; default: as much as it says.' })),
    marginMs: Type.Optional(Type.Number({ minimum: 0, maximum: 60_000, description: 'How much earlier than the caller the endpoint should give up. Milliseconds, default 0.' })),
    trustedPeers: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: 'Addresses or CIDR ranges of peers whose word counts. Default: everybody.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/deadline', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('filter', 'deadline', (options: DeadlineOptions) => deadline(options), schema)
})

export default plugin
export { deadline, type DeadlineOptions }
