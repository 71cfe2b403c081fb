// The door: provides the balancer `maglev`.
import { definePlugin, keySchema, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { maglev, type MaglevOptions } from './maglev.ts'

const key = (description: string): TSchema => keySchema(description, { words: ['address', 'path', 'route'] })

const schema: TSchema = Type.Object(
  {
    key: Type.Optional(key('What goes to the same endpoint: requests that are alike in all of these. Default [address].')),
    otherwise: Type.Optional(Type.Array(key('A key.'), { minItems: 1, maxItems: 8, description: 'Keys for requests that lack a part of it, tried in turn. Default: such a request goes anywhere.' })),
    tableSize: Type.Optional(Type.Integer({ minimum: 2, maximum: 5_000_011, description: 'Places in the table: a prime number, a hundred times the endpoints or more. Default 65537.' })),
    maxLoadPercent: Type.Optional(Type.Integer({ minimum: 100, maximum: 100_000, description: 'Most attempts under way at an endpoint, in percent of its fair part; what is more goes to others. Default: no limit.' })),
    ipv6Prefix: Type.Optional(Type.Integer({ minimum: 1, maximum: 128, description: 'The bits of an IPv6 address that tell clients apart. Default 64.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/balancer-maglev', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('balancer', 'maglev', (options: MaglevOptions) => maglev(options), schema)
})

export default plugin
export { maglev, type MaglevOptions }
export type { MaglevKey } from './key.ts'
