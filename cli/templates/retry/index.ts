// The door: provides the retry policy `__name__`.
import { definePlugin } from '@meshwright/core'
import { __camel__, type __Camel__Options } from './__name__.ts'

// JSON Schema; the core checks options against it before the answer is made, and fills in defaults.
const schema = {
  type: 'object',
  properties: {
    delaysMs: { type: 'array', maxItems: 10, items: { type: 'number', minimum: 0, maximum: 60_000 }, description: 'Milliseconds before the second attempt, the third, and so on. Default 25 and 100.' },
  },
  additionalProperties: false,
}

export default definePlugin({ name: '__package__', mesh: '__range__' }, (mesh) => {
  mesh.provide('retry', '__name__', (options: __Camel__Options) => __camel__(options), schema)
})

export { __camel__, type __Camel__Options }
