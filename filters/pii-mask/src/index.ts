// The door: the configuration of the filter, where its module is, and how code names it.
import { fileURLToPath } from 'node:url'
import { Type, type TSchema } from 'typebox'

export interface PiiMaskConfiguration {
  /** Whether bodies of requests are masked. Default false. */
  readonly request?: boolean
  /** Whether those of responses are. Default true. */
  readonly response?: boolean
  /** Each default true. */
  readonly emails?: boolean
  readonly cards?: boolean
  readonly tokens?: boolean
  /** What tokens begin with, beside those that everybody knows. Three characters or more each. */
  readonly tokenPrefixes?: readonly string[]
  /** Media types that are looked at, each with a `*` or without. */
  readonly contentTypes?: readonly string[]
  /** What becomes of a body with a Content-Encoding. Default `refuse`. */
  readonly onEncoded?: 'refuse' | 'pass'
}

/** What PiiMaskConfiguration is, for editors and checks. The module checks it itself when it is configured. */
export const schema: TSchema = Type.Object(
  {
    request: Type.Optional(Type.Boolean({ description: 'Whether bodies of requests are masked. Default false.' })),
    response: Type.Optional(Type.Boolean({ description: 'Whether those of responses are. Default true.' })),
    emails: Type.Optional(Type.Boolean({ description: 'Default true.' })),
    cards: Type.Optional(Type.Boolean({ description: 'Default true.' })),
    tokens: Type.Optional(Type.Boolean({ description: 'Default true.' })),
    tokenPrefixes: Type.Optional(Type.Array(Type.String({ minLength: 3 }), { description: 'What tokens begin with, beside those that everybody knows.' })),
    contentTypes: Type.Optional(Type.Array(Type.String(), { description: 'Media types that are looked at.' })),
    onEncoded: Type.Optional(Type.Enum(['refuse', 'pass'], { description: 'What becomes of a body with a Content-Encoding. Default refuse.' })),
  },
  { additionalProperties: false },
)

/** Path of the module. */
export const module: string = fileURLToPath(new URL('../pii-mask.wasm', import.meta.url))

/** The filter that masks bodies. For the `filters` of a route or a mesh that has the plugin `@meshwright/wasm`. */
export function piiMask(configuration: PiiMaskConfiguration = {}): { readonly wasm: { readonly module: string; readonly configuration: PiiMaskConfiguration } } {
  return { wasm: { module, configuration } }
}
