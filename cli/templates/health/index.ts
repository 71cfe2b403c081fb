// The door: provides the health check `__name__`.
import { definePlugin, healthScheduleProperties } from '@meshwright/core'
import { __camel__, type __Camel__Options } from './__name__.ts'

// JSON Schema; the core checks options against it before the answer is made, and fills in defaults.
const schema = {
  type: 'object',
  properties: {
    ...healthScheduleProperties,
    greeting: { type: 'string', minLength: 1, maxLength: 100, description: 'What a server that is well says first.' },
  },
  required: ['greeting'],
  additionalProperties: false,
}

export default definePlugin({ name: '__package__', mesh: '__range__' }, (mesh) => {
  mesh.provide('health', '__name__', (options: __Camel__Options) => __camel__(options), schema)
})

export { __camel__, type __Camel__Options }
