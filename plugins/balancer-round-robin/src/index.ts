// The door: provides the balancer `round-robin`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { roundRobin } from './round-robin.ts'

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/balancer-round-robin', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('balancer', 'round-robin', () => roundRobin())
})

export default plugin
export { roundRobin }
