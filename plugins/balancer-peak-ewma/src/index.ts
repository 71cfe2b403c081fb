// The door: provides the balancer `peak-ewma`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { peakEwma, type PeakEwmaOptions } from './peak-ewma.ts'

const schema: TSchema = Type.Object(
  {
    decayMs: Type.Optional(Type.Number({ minimum: 1, maximum: 3_600_000, description: 'Milliseconds until about two thirds of a cost are forgotten. Default 10000.' })),
    defaultRttMs: Type.Optional(Type.Number({ minimum: 0.01, maximum: 600_000, description: 'Milliseconds that an endpoint is taken to need while nothing is known of any. Default 30.' })),
    penaltyMs: Type.Optional(Type.Number({ minimum: 0, maximum: 600_000, description: 'Milliseconds that a failed or refused attempt counts more than it took. Default 5000.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/balancer-peak-ewma', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('balancer', 'peak-ewma', (options: PeakEwmaOptions) => peakEwma(options), schema)
})

export default plugin
export { peakEwma, type PeakEwmaOptions }
