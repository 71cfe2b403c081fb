// The door: the configuration of the filter, where its module is, and how code names it.
import { fileURLToPath } from 'node:url'
import { Type, type TSchema } from 'typebox'

export interface RequestGuardConfiguration {
  /** Methods that may pass. Default: all. */
  readonly methods?: readonly string[]
  /** Paths, with `*` for anything, that may not pass. */
  readonly denyPaths?: readonly string[]
  /** Those that alone may. Default: all. */
  readonly allowPaths?: readonly string[]
  readonly requireHeaders?: readonly string[]
  /** By name, what a field must not look like. */
  readonly denyHeaders?: Readonly<Record<string, readonly string[]>>
  /** Default 8192. Like those that follow: 0 is no limit. */
  readonly maxPathBytes?: number
  /** Default 100. */
  readonly maxHeaders?: number
  /** Names and values together. Default 16384. */
  readonly maxHeaderBytes?: number
  /** Default 0. */
  readonly maxBodyBytes?: number
  /** Only count and log what would be refused. Default false. */
  readonly shadow?: boolean
}

/** What RequestGuardConfiguration is, for editors and checks. The module checks it itself when it is configured. */
export const schema: TSchema = guardSchema()

function guardSchema(): TSchema {
  const list = (description: string): TSchema => Type.Optional(Type.Array(Type.String(), { description }))
  const limit = (description: string): TSchema => Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295, description }))
  return Type.Object(
    {
      methods: list('Methods that may pass. Default: all.'),
      denyPaths: list('Paths, with * for anything, that may not pass.'),
      allowPaths: list('Paths that alone may pass. Default: all.'),
      requireHeaders: list('Fields that a request must have.'),
      denyHeaders: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String()), { description: 'By name, what a field must not look like.' })),
      maxPathBytes: limit('0: no limit. Default 8192.'),
      maxHeaders: limit('0: no limit. Default 100.'),
      maxHeaderBytes: limit('Names and values together; 0: no limit. Default 16384.'),
      maxBodyBytes: limit('0: no limit, the default.'),
      shadow: Type.Optional(Type.Boolean({ description: 'Only count and log what would be refused. Default false.' })),
    },
    { additionalProperties: false },
  )
}

/** Path of the module. */
export const module: string = fileURLToPath(new URL('../request-guard.wasm', import.meta.url))

/** The filter that refuses requests by rules. For the `filters` of a route or a mesh that has the plugin `@meshwright/wasm`. */
export function requestGuard(configuration: RequestGuardConfiguration = {}): { readonly wasm: { readonly module: string; readonly configuration: RequestGuardConfiguration } } {
  return { wasm: { module, configuration } }
}
