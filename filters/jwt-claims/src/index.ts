// The door: the configuration of the filter, where its module is, and how code names it.
import { fileURLToPath } from 'node:url'
import { Type, type TSchema } from 'typebox'

export interface JwtClaimsConfiguration {
  /** Header by claim; a dot goes into an object. */
  readonly claims: Readonly<Record<string, string>>
  /** 32 bytes or more. One of `secret`, `secretBase64` and `unverified`. */
  readonly secret?: string
  readonly secretBase64?: string
  /** Take the claims of any token: only where something before this filter has verified it. Default false. */
  readonly unverified?: boolean
  /** Default `authorization`. */
  readonly header?: string
  /** A cookie that the token may be in instead. Default: none. */
  readonly cookie?: string
  /** Default: any. */
  readonly issuer?: string
  readonly audience?: string
  /** Whether requests without a token are refused. Default true. */
  readonly required?: boolean
  /** Whether the service sees the token. Default true. */
  readonly forward?: boolean
  /** How far clocks may differ. Seconds, default 60. */
  readonly skewSeconds?: number
}

/** What JwtClaimsConfiguration is, for editors and checks. The module checks it itself when it is configured. */
export const schema: TSchema = Type.Object(
  {
    claims: Type.Record(Type.String(), Type.String(), { description: 'Header by claim; a dot goes into an object.' }),
    secret: Type.Optional(Type.String({ minLength: 32, description: 'Of HS256, as a text.' })),
    secretBase64: Type.Optional(Type.String({ description: 'The same in base64.' })),
    unverified: Type.Optional(Type.Boolean({ description: 'Take the claims of any token: only where something before this filter has verified it. Default false.' })),
    header: Type.Optional(Type.String({ description: 'Where the token is. Default authorization.' })),
    cookie: Type.Optional(Type.String({ description: 'A cookie that it may be in instead.' })),
    issuer: Type.Optional(Type.String({ description: 'What iss must be. Default: anything.' })),
    audience: Type.Optional(Type.String({ description: 'What aud must name. Default: anything.' })),
    required: Type.Optional(Type.Boolean({ description: 'Whether requests without a token are refused. Default true.' })),
    forward: Type.Optional(Type.Boolean({ description: 'Whether the service sees the token. Default true.' })),
    skewSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400, description: 'How far clocks may differ. Default 60.' })),
  },
  { additionalProperties: false },
)

/** Path of the module. */
export const module: string = fileURLToPath(new URL('../jwt-claims.wasm', import.meta.url))

/** The filter that verifies tokens and tells their claims. For the `filters` of a route or a mesh that has the plugin `@meshwright/wasm`. */
export function jwtClaims(configuration: JwtClaimsConfiguration): { readonly wasm: { readonly module: string; readonly configuration: JwtClaimsConfiguration } } {
  return { wasm: { module, configuration } }
}
