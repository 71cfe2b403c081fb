// The door: makes the filter known by name, so that a configuration file can say `filters: [{ api-keys: { keys: … } }]`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { apiKeys } from './api-keys.ts'

const Options: TSchema = Type.Object({ keys: Type.Record(Type.String(), Type.String()) }, { additionalProperties: false })

const plugin: MeshPlugin = definePlugin({ name: 'example-api-keys', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('filter', 'api-keys', apiKeys, Options)
})
export default plugin
export { apiKeys, type ApiKeysOptions } from './api-keys.ts'
