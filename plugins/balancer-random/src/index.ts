// The door: provides the balancer `random`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { random, type RandomOptions } from './random.ts'

const schema: TSchema = Type.Object({}, { additionalProperties: false })

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/balancer-random', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('balancer', 'random', () => random(), schema)
})

export default plugin
export { random, type RandomOptions }
