// The door: provides the admission `limits`.
import { definePlugin, type Counter, type Mesh, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { limits, type LimitName, type LimitsOptions, type LimitsParts } from './limits.ts'

const schema: TSchema = Type.Object(
  {
    requests: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Attempts under way at a time, per thread. Default 1024; 0: no limit.' })),
    retries: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Further attempts at a time, per thread. Default: no limit.' })),
    endpointRequests: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Attempts under way on one endpoint, per thread. Default: no limit.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/limits', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('admission', 'limits', (options: LimitsOptions, { service = '' }) => limits(options, countersOf(mesh, service)), schema)
})

function countersOf({ metrics }: Mesh, service: string): LimitsParts {
  const counter = (limit: LimitName): Counter => metrics.counter('mesh_limits_refused_total', 'Attempts that were refused because a limit of their service was reached', { service, limit })
  return { refused: { requests: counter('requests'), retries: counter('retries'), endpointRequests: counter('endpointRequests') } }
}

export default plugin
export { limits, type LimitName, type LimitsOptions, type LimitsParts }
