// The door: provides the discovery `__name__`.
import { definePlugin } from '@meshwright/core'
import { __camel__, type __Camel__Options } from './__name__.ts'

// JSON Schema; the core checks options against it before the answer is made, and fills in defaults.
const schema = {
  type: 'object',
  properties: {
    url: { type: 'string', pattern: '^https?://', description: 'Answers a GET with a JSON list of host:port.' },
    intervalMs: { type: 'integer', minimum: 10, maximum: 3_600_000, description: 'Milliseconds from one answer to the next question. Default 5000.' },
    timeoutMs: { type: 'integer', minimum: 1, maximum: 60_000, description: 'Milliseconds an answer may take. Default 2000.' },
  },
  required: ['url'],
  additionalProperties: false,
}

export default definePlugin({ name: '__package__', mesh: '__range__' }, (mesh) => {
  mesh.provide('discovery', '__name__', (options: __Camel__Options) => __camel__(options, mesh.log), schema)
})

export { __camel__, type __Camel__Options }
