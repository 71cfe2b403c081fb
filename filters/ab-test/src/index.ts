// The door: the configuration of the filter, where its module is, and how code names it.
import { fileURLToPath } from 'node:url'
import { Type, type TSchema } from 'typebox'

/** One variant of an experiment. */
export interface Variant {
  /** Letters, digits, `-` and `_`. */
  readonly name: string
  /** 0..4294967295; 0: nobody new, and those who have it get another one. Default 1. */
  readonly weight?: number
}

export interface AbTestConfiguration {
  readonly variants: readonly Variant[]
  /** The header that routes and services see. Default `x-variant`. */
  readonly header?: string
  /** What keeps a client with its variant. Default `variant`. */
  readonly cookie?: string
  /** A header whose value does so instead, where it is there. Default: none. */
  readonly stickyHeader?: string
  /** Changes who gets what. Default empty. */
  readonly salt?: string
  /** Of the cookie. Seconds, default 2592000. */
  readonly maxAgeSeconds?: number
  /** Whether a client may choose with the header. Default false. */
  readonly clientMayChoose?: boolean
}

/** What AbTestConfiguration is, for editors and checks. The module checks it itself when it is configured. */
export const schema: TSchema = Type.Object(
  {
    variants: Type.Array(
      Type.Object(
        { name: Type.String({ pattern: '^[A-Za-z0-9_-]+$' }), weight: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'Default 1.' })) },
        { additionalProperties: false },
      ),
      { minItems: 1, description: 'What clients are spread over.' },
    ),
    header: Type.Optional(Type.String({ description: 'The header that routes and services see. Default x-variant.' })),
    cookie: Type.Optional(Type.String({ description: 'What keeps a client with its variant. Default variant.' })),
    stickyHeader: Type.Optional(Type.String({ description: 'A header whose value does so instead.' })),
    salt: Type.Optional(Type.String({ description: 'Changes who gets what.' })),
    maxAgeSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'Of the cookie. Default 2592000.' })),
    clientMayChoose: Type.Optional(Type.Boolean({ description: 'Whether a client may choose with the header. Default false.' })),
  },
  { additionalProperties: false },
)

/** Path of the module. */
export const module: string = fileURLToPath(new URL('../ab-test.wasm', import.meta.url))

/** The filter that gives each client a variant. For the `filters` of a route or a mesh that has the plugin `@meshwright/wasm`. */
export function abTest(configuration: AbTestConfiguration): { readonly wasm: { readonly module: string; readonly configuration: AbTestConfiguration } } {
  return { wasm: { module, configuration } }
}
