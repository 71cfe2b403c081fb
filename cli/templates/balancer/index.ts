// The door: provides the balancer `__name__`.
import { definePlugin } from '@meshwright/core'
import { __camel__ } from './__name__.ts'

export default definePlugin({ name: '__package__', mesh: '__range__' }, (mesh) => {
  mesh.provide('balancer', '__name__', () => __camel__())
})

export { __camel__ }
