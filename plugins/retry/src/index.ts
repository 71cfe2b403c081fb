// The door: provides the retry policy `backoff`.
import { definePlugin, type Counter, type Mesh, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { backoff, type Backoff, type BackoffOptions, type BackoffParts, type Refusal } from './backoff.ts'
import { conditionNames, Conditions, type ConditionName, type ConditionOptions } from './conditions.ts'
import type { BudgetOptions } from './budget.ts'
import type { ResetHeader, ResetOptions } from './reset-time.ts'

const textMatch = Type.Union([
  Type.String({ description: 'Equal to this.' }),
  Type.Object({ exact: Type.String() }, { additionalProperties: false }),
  Type.Object({ regex: Type.String({ description: 'Matches the whole value.' }) }, { additionalProperties: false }),
  Type.Object({ present: Type.Boolean() }, { additionalProperties: false }),
])

const rateLimited = Type.Object(
  {
    headers: Type.Optional(
      Type.Array(
        Type.Object({ name: Type.String({ minLength: 1 }), format: Type.Enum(['seconds', 'unix-timestamp'], { description: 'seconds: from now, or an HTTP date; unix-timestamp: seconds since 1970.' }) }, { additionalProperties: false }),
        { minItems: 1, maxItems: 16, description: 'Response fields that say when, in the order they are looked at. Default retry-after.' },
      ),
    ),
    maxMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600_000, description: 'A longer time does not count. Milliseconds, default 300000.' })),
  },
  { additionalProperties: false, description: 'Wait for as long as the response says. Default: it is not asked.' },
)

const budget = Type.Object(
  {
    percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'Further attempts at a time, in percent of the attempts under way. Default 20.' })),
    min: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, description: 'So many are allowed however little is under way. Default 3.' })),
  },
  { additionalProperties: false },
)

const schema: TSchema = Type.Object(
  {
    attempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'All attempts of a request, the first one included. Default 2.' })),
    on: Type.Optional(Type.Array(Type.Enum([...conditionNames]), { description: 'Failures that are tried again. Default connect-failure, reset-before-request, refused-stream.' })),
    statusCodes: Type.Optional(Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), { description: 'Statuses that are tried again, beyond those of `on`.' })),
    headers: Type.Optional(Type.Record(Type.String(), textMatch, { description: 'Response header fields that make it be tried again; one of them is enough.' })),
    attemptTimeoutMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 3_600_000, description: 'For one attempt, until its response head is there. Milliseconds; default 0: no limit of its own.' })),
    baseMs: Type.Optional(Type.Number({ minimum: 0, maximum: 60_000, description: 'The wait before the second attempt is at random below this. Milliseconds, default 25.' })),
    maxMs: Type.Optional(Type.Number({ minimum: 0, maximum: 600_000, description: 'Waits are at random below this at most. Milliseconds, default 10 times baseMs.' })),
    rateLimited: Type.Optional(rateLimited),
    budget: Type.Optional(Type.Union([budget, Type.Literal(false)], { description: 'How many further attempts there may be at a time. false: no limit.' })),
    replayBytes: Type.Optional(Type.Integer({ minimum: 0, maximum: 67_108_864, description: 'How much of a request body is kept to be sent again; a longer one is sent once. Bytes, default 65536.' })),
    attemptHeader: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'A request header that tells the endpoint which attempt it sees. Default none.' })),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/retry', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('retry', 'backoff', (options: BackoffOptions, { service = '' }) => backoff(options, countersOf(mesh, service, new Conditions(options))), schema)
})

function countersOf({ metrics }: Mesh, service: string, { names }: Conditions): BackoffParts {
  const made = (reason: string): Counter => metrics.counter('mesh_retries_total', 'Further attempts, by the condition that called for them', { service, reason })
  const refused = (why: Refusal): Counter => metrics.counter('mesh_retries_refused_total', 'Failures that were worth another attempt and got none, by what was used up', { service, why })
  return {
    made: new Map([...names].map((name) => [name, made(name)])),
    refused: { attempts: refused('attempts'), budget: refused('budget'), deadline: refused('deadline') },
  }
}

export default plugin
export { backoff, type Backoff, type BackoffOptions, type BackoffParts, type Refusal }
export type { BudgetOptions, ConditionName, ConditionOptions, ResetHeader, ResetOptions }
