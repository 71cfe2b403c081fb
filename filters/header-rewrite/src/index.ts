// The door: the configuration of the filter, where its module is, and how code names it.
import { fileURLToPath } from 'node:url'
import { Type, type TSchema } from 'typebox'

/** Changes of one head: fields are removed first, then set, then appended. Values may have variables in braces. */
export interface Rewrite {
  readonly remove?: readonly string[]
  readonly set?: Readonly<Record<string, string>>
  readonly append?: Readonly<Record<string, string>>
}

export interface HeaderRewriteConfiguration {
  readonly request?: Rewrite
  readonly response?: Rewrite
}

/** What HeaderRewriteConfiguration is, for editors and checks. The module checks it itself when it is configured. */
export const schema: TSchema = headsSchema()

function headsSchema(): TSchema {
  const fields = (description: string): TSchema => Type.Optional(Type.Record(Type.String(), Type.String(), { description }))
  const rewrite = Type.Object(
    {
      remove: Type.Optional(Type.Array(Type.String(), { description: 'Names of fields that go first.' })),
      set: fields('Fields that replace what is there. Variables stand in braces: {header:user-agent}.'),
      append: fields('Fields that are added to what is there.'),
    },
    { additionalProperties: false },
  )
  return Type.Object({ request: Type.Optional(rewrite), response: Type.Optional(rewrite) }, { additionalProperties: false })
}

/** Path of the module. */
export const module: string = fileURLToPath(new URL('../header-rewrite.wasm', import.meta.url))

/** The filter that changes header fields. For the `filters` of a route or a mesh that has the plugin `@meshwright/wasm`. */
export function headerRewrite(configuration: HeaderRewriteConfiguration = {}): { readonly wasm: { readonly module: string; readonly configuration: HeaderRewriteConfiguration } } {
  return { wasm: { module, configuration } }
}
