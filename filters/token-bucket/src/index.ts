// The door: the configuration of the filter, where its module is, and how code names it.
import { fileURLToPath } from 'node:url'
import { Type, type TSchema } from 'typebox'

export interface TokenBucketConfiguration {
  /** Requests per window that each key may make. 1.. */
  readonly requests: number
  /** Milliseconds, default 1000. */
  readonly windowMs?: number
  /** Requests at once after a rest. Default: as many as `requests`. */
  readonly burst?: number
  /** What tells budgets apart. Default `address`. */
  readonly key?: 'address' | `header:${string}` | `cookie:${string}` | `query:${string}`
  /** How many keys are told apart at a time. 1..1000000, default 10000. */
  readonly keys?: number
  /** Tells budgets of several filters apart. Default `default`. */
  readonly name?: string
  /** What becomes of a request when threads get in each other's way again and again. Default `pass`. */
  readonly onConflict?: 'pass' | 'refuse'
}

/** What TokenBucketConfiguration is, for editors and checks. The module checks it itself when it is configured. */
export const schema: TSchema = Type.Object(
  {
    requests: Type.Integer({ minimum: 1, maximum: 4_294_967_295, description: 'Requests per window that each key may make.' }),
    windowMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 4_294_967_295, description: 'Milliseconds. Default 1000.' })),
    burst: Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'Requests at once after a rest. Default: as many as requests.' })),
    key: Type.Optional(Type.String({ pattern: '^(address|(header|cookie|query):.+)$', description: 'What tells budgets apart. Default address.' })),
    keys: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'How many keys are told apart at a time. Default 10000.' })),
    name: Type.Optional(Type.String({ description: 'Tells budgets of several filters apart. Default "default".' })),
    onConflict: Type.Optional(Type.Enum(['pass', 'refuse'], { description: "What becomes of a request when threads get in each other's way again and again. Default pass." })),
  },
  { additionalProperties: false },
)

/** Path of the module. */
export const module: string = fileURLToPath(new URL('../token-bucket.wasm', import.meta.url))

/** The filter that limits rates. For the `filters` of a route or a mesh that has the plugin `@meshwright/wasm`. */
export function tokenBucket(configuration: TokenBucketConfiguration): { readonly wasm: { readonly module: string; readonly configuration: TokenBucketConfiguration } } {
  return { wasm: { module, configuration } }
}
