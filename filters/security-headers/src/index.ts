// The door: the configuration of the filter, where its module is, and how code names it.
import { fileURLToPath } from 'node:url'
import { Type, type TSchema } from 'typebox'

export interface SecurityHeadersConfiguration {
  /** Seconds; 0: no Strict-Transport-Security. Only sent over HTTPS. Default 31536000. */
  readonly hstsMaxAge?: number
  /** Default true. */
  readonly hstsSubdomains?: boolean
  /** Default false. */
  readonly hstsPreload?: boolean
  /** The value of each of these; empty: not set. Default empty. */
  readonly contentSecurityPolicy?: string
  /** Default `DENY`. */
  readonly frameOptions?: string
  /** Default `nosniff`. */
  readonly contentTypeOptions?: string
  /** Default `strict-origin-when-cross-origin`. */
  readonly referrerPolicy?: string
  /** Default empty. */
  readonly permissionsPolicy?: string
  /** Default `same-origin`. */
  readonly crossOriginOpenerPolicy?: string
  /** Default `same-origin`. */
  readonly crossOriginResourcePolicy?: string
  /** Whether what the service itself says gives way. Default false. */
  readonly replace?: boolean
  /** Fields that are removed. Default `server` and `x-powered-by`. */
  readonly remove?: readonly string[]
}

/** What SecurityHeadersConfiguration is, for editors and checks. The module checks it itself when it is configured. */
export const schema: TSchema = headersSchema()

function headersSchema(): TSchema {
  const value = (otherwise: string): TSchema => Type.Optional(Type.String({ description: `Empty: not set. Default ${otherwise}.` }))
  const yes = (description: string): TSchema => Type.Optional(Type.Boolean({ description }))
  return Type.Object(
    {
      hstsMaxAge: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'Seconds; 0: no Strict-Transport-Security. Default 31536000.' })),
      hstsSubdomains: yes('Default true.'),
      hstsPreload: yes('Default false.'),
      contentSecurityPolicy: value('empty'),
      frameOptions: value('DENY'),
      contentTypeOptions: value('nosniff'),
      referrerPolicy: value('strict-origin-when-cross-origin'),
      permissionsPolicy: value('empty'),
      crossOriginOpenerPolicy: value('same-origin'),
      crossOriginResourcePolicy: value('same-origin'),
      replace: yes('Whether what the service itself says gives way. Default false.'),
      remove: Type.Optional(Type.Array(Type.String(), { description: 'Fields that are removed. Default server and x-powered-by.' })),
    },
    { additionalProperties: false },
  )
}

/** Path of the module. */
export const module: string = fileURLToPath(new URL('../security-headers.wasm', import.meta.url))

/** The filter that sets security headers. For the `filters` of a route or a mesh that has the plugin `@meshwright/wasm`. */
export function securityHeaders(configuration: SecurityHeadersConfiguration = {}): { readonly wasm: { readonly module: string; readonly configuration: SecurityHeadersConfiguration } } {
  return { wasm: { module, configuration } }
}
