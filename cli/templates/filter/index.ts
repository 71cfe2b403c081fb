// The door: provides the filter `__name__`.
import { definePlugin } from '@meshwright/core'
import { __camel__, type __Camel__Options } from './__name__.ts'

// JSON Schema; the core checks options against it before the answer is made, and fills in defaults.
const schema = {
  type: 'object',
  properties: {
    header: { type: 'string', minLength: 1, maxLength: 100, description: 'Name of the field.' },
    value: { type: 'string', maxLength: 1000, description: 'Its value. Default yes.' },
  },
  required: ['header'],
  additionalProperties: false,
}

export default definePlugin({ name: '__package__', mesh: '__range__' }, (mesh) => {
  mesh.provide('filter', '__name__', (options: __Camel__Options) => __camel__(options), schema)
})

export { __camel__, type __Camel__Options }
