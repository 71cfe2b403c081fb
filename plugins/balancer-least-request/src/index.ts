// The door: provides the balancer `least-request`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { leastRequest, type LeastRequestOptions } from './least-request.ts'

const schema: TSchema = Type.Object(
  {
    choices: Type.Optional(Type.Integer({ minimum: 2, maximum: 100, description: 'Endpoints compared per pick when all weights are equal. Default 2.' })),
    bias: Type.Optional(Type.Number({ minimum: 0, maximum: 10, description: 'How much load takes off a weight when weights differ. Default 1.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/balancer-least-request', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('balancer', 'least-request', (options: LeastRequestOptions) => leastRequest(options), schema)
})

export default plugin
export { leastRequest, type LeastRequestOptions }
