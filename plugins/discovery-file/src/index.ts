// The door: provides the discovery `file`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { file, type FileOptions } from './file.ts'

const schema: TSchema = Type.Object(
  {
    path: Type.String({ minLength: 1, description: 'Path of the file: JSON if it ends with .json, YAML otherwise. Relative to the working directory.' }),
    debounceMs: Type.Optional(Type.Number({ minimum: 0, maximum: 60_000, description: 'Quiet milliseconds after a change before the file is read. Default 100.' })),
    pollMs: Type.Optional(Type.Number({ minimum: 100, maximum: 3_600_000, description: 'Milliseconds between looks at file systems that report no changes. Default 10000.' })),
    maxBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 104_857_600, description: 'Longest file that is taken. Default 1048576.' })),
    maxEndpoints: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Most endpoints that are taken. Default 10000.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/discovery-file', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('discovery', 'file', (options: FileOptions) => file(options, mesh.log), schema)
})

export default plugin
export { file, type FileOptions }
