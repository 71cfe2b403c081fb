// The door: provides the outlier detector `__name__`.
import { definePlugin } from '@meshwright/core'
import { __camel__, type __Camel__Options } from './__name__.ts'

// JSON Schema; the core checks options against it before the answer is made, and fills in defaults.
const schema = {
  type: 'object',
  properties: {
    failures: { type: 'integer', minimum: 1, maximum: 1000, description: 'Failures in a row that send an endpoint to rest. Default 5.' },
    restMs: { type: 'integer', minimum: 1, maximum: 86_400_000, description: 'Milliseconds it rests. Default 30000.' },
  },
  additionalProperties: false,
}

export default definePlugin({ name: '__package__', mesh: '__range__' }, (mesh) => {
  mesh.provide('outlier', '__name__', (options: __Camel__Options) => __camel__(options), schema)
})

export { __camel__, type __Camel__Options }
