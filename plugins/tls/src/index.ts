// The door: provides the identity `tls`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { tls, type PairFiles, type TlsOptions } from './tls.ts'

const certDescription = 'Path of a certificate in PEM, with its intermediates behind it.'
const keyDescription = 'Path of its private key in PEM, not encrypted.'
// A path is no secret, whatever the name of the option.
const path = (description: string): TSchema => Type.String({ minLength: 1, description, writeOnly: false })
const pair: TSchema = Type.Object({ cert: path(certDescription), key: path(keyDescription) }, { additionalProperties: false })

const schema: TSchema = Type.Object(
  {
    cert: Type.Optional(path(`${certDescription} Short for one element of certificates.`)),
    key: Type.Optional(path(keyDescription)),
    certificates: Type.Optional(Type.Array(pair, { minItems: 1, maxItems: 10_000, description: 'Several certificates, chosen by the name that a client asks for; the first for all other names.' })),
    ca: Type.Optional(
      Type.Union([path('Path of a PEM file.'), Type.Array(path('Path of a PEM file.'), { minItems: 1, maxItems: 100 })], {
        description: 'Roots to verify the other side with, in one file or several. Default: those that come with Node, and none for the clients of a listener.',
      }),
    ),
    warnDays: Type.Optional(Type.Number({ minimum: 0, maximum: 10_000, description: 'Log a warning, once a day, from so many days before a certificate expires; 0: not before it has. Default 14.' })),
    debounceMs: Type.Optional(Type.Number({ minimum: 0, maximum: 60_000, description: 'Quiet milliseconds after a change before the files are read. Default 200.' })),
    pollMs: Type.Optional(Type.Number({ minimum: 100, maximum: 3_600_000, description: 'Milliseconds between looks at file systems that report no changes. Default 10000.' })),
  },
  { additionalProperties: false, minProperties: 1, dependentRequired: { cert: ['key'], key: ['cert'] } },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/tls', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('identity', 'tls', (options: TlsOptions) => tls(options, mesh), schema)
})

export default plugin
export { tls, type PairFiles, type TlsOptions }
