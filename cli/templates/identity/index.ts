// The door: provides the identity `__name__`.
import { definePlugin } from '@meshwright/core'
import { __camel__, type __Camel__Options } from './__name__.ts'

// JSON Schema; the core checks options against it before the answer is made, and fills in defaults.
const schema = {
  type: 'object',
  properties: {
    key: { type: 'string', minLength: 1, description: 'Path of the private key, in PEM and not encrypted.' },
    cert: { type: 'string', minLength: 1, description: 'Path of the certificate and its intermediates, in PEM.' },
    pollMs: { type: 'integer', minimum: 10, maximum: 3_600_000, description: 'Milliseconds between two looks at the files. Default 10000.' },
  },
  required: ['key', 'cert'],
  additionalProperties: false,
}

export default definePlugin({ name: '__package__', mesh: '__range__' }, (mesh) => {
  mesh.provide('identity', '__name__', (options: __Camel__Options) => __camel__(options, mesh.log), schema)
})

export { __camel__, type __Camel__Options }
