// The door: provides the balancer `round-robin`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { roundRobin } from './round-robin.ts'

const schema: TSchema = Type.Object({}, { additionalProperties: false })

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/balancer-round-robin', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('balancer', 'round-robin', () => roundRobin(), schema)
})

export default plugin
export { roundRobin }
