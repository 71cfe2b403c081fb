// The door: provides the admission `__name__`.
import { definePlugin } from '@meshwright/core'
import { __camel__, type __Camel__Options } from './__name__.ts'

// JSON Schema; the core checks options against it before the answer is made, and fills in defaults.
const schema = {
  type: 'object',
  properties: {
    atOnce: { type: 'integer', minimum: 1, maximum: 1_000_000, description: 'Attempts under way at a time. Default 100.' },
  },
  additionalProperties: false,
}

export default definePlugin({ name: '__package__', mesh: '__range__' }, (mesh) => {
  mesh.provide('admission', '__name__', (options: __Camel__Options) => __camel__(options), schema)
})

export { __camel__, type __Camel__Options }
