// The door: the configuration of the filter, where its module is, and how code names it.
import { fileURLToPath } from 'node:url'
import { Type, type TSchema } from 'typebox'

/** One key: itself or its hash. */
export interface Key {
  /** Whose it is: what the service is told. */
  readonly identity: string
  /** 16 characters or more. */
  readonly key?: string
  /** The SHA-256 of the key, in hex. */
  readonly sha256?: string
}

export interface ApiKeyConfiguration {
  readonly keys: readonly Key[]
  /** The header that the key is in. Default `x-api-key`. */
  readonly header?: string
  /** A query parameter that it may be in instead. Default: none. */
  readonly query?: string
  /** Default `x-api-identity`. */
  readonly identityHeader?: string
  /** Whether the service sees the key. Default false. */
  readonly forward?: boolean
  /** Of `WWW-Authenticate`. Default `api`. */
  readonly realm?: string
}

/** What ApiKeyConfiguration is, for editors and checks. The module checks it itself when it is configured. */
export const schema: TSchema = Type.Object(
  {
    keys: Type.Array(
      Type.Object(
        {
          identity: Type.String({ minLength: 1, description: 'Whose it is: what the service is told.' }),
          key: Type.Optional(Type.String({ minLength: 16, description: 'The key itself; or give its sha256.' })),
          sha256: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$', description: 'The SHA-256 of the key, in hex.' })),
        },
        { additionalProperties: false },
      ),
    ),
    header: Type.Optional(Type.String({ description: 'The header that the key is in. Default x-api-key.' })),
    query: Type.Optional(Type.String({ description: 'A query parameter that it may be in instead.' })),
    identityHeader: Type.Optional(Type.String({ description: 'The header that says whose key it was. Default x-api-identity.' })),
    forward: Type.Optional(Type.Boolean({ description: 'Whether the service sees the key. Default false.' })),
    realm: Type.Optional(Type.String({ description: 'Of WWW-Authenticate. Default api.' })),
  },
  { additionalProperties: false },
)

/** Path of the module. */
export const module: string = fileURLToPath(new URL('../api-key.wasm', import.meta.url))

/** The filter that asks for a key. For the `filters` of a route or a mesh that has the plugin `@meshwright/wasm`. */
export function apiKey(configuration: ApiKeyConfiguration): { readonly wasm: { readonly module: string; readonly configuration: ApiKeyConfiguration } } {
  return { wasm: { module, configuration } }
}
