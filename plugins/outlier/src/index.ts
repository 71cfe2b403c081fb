// The door: provides the outlier detector `passive`.
import { definePlugin, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { eventsOf } from './events.ts'
import { passive, type PassiveEvents, type PassiveOptions } from './passive.ts'
import type { FailurePercentage, SuccessRate } from './statistics.ts'
import type { Rule } from './tally.ts'

const dayMs = 86_400_000
const failures = (what: string, usual: number): TSchema => Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: `${what} in a row. Default ${usual}; 0: off.` }))
const count = (what: string, usual: number): TSchema => Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: `${what} Default ${usual}.` }))
const ms = (least: number, description: string): TSchema => Type.Optional(Type.Number({ minimum: least, maximum: dayMs, description }))
const flag = (description: string): TSchema => Type.Optional(Type.Boolean({ description }))

const enough = (requests: number): Record<string, TSchema> => ({
  minEndpoints: count('Endpoints with enough attempts that there have to be.', 5),
  minRequests: count('Attempts of an endpoint in one interval that are enough.', requests),
})

const successRate: TSchema = Type.Object(
  {
    ...enough(100),
    stdevFactor: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'How many standard deviations below the mean is too low. Default 1.9.' })),
    minFailures: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'Failed attempts of an endpoint in one interval without which it is no outlier. Default 5.' })),
  },
  { additionalProperties: false },
)

const failurePercentage: TSchema = Type.Object(
  { ...enough(50), percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'Failed attempts that are too many, in percent. Default 85.' })) },
  { additionalProperties: false },
)

const schema: TSchema = Type.Object(
  {
    consecutive5xx: failures('Answers of 500 and more', 5),
    consecutiveGatewayFailures: failures('Answers of 502, 503 or 504', 0),
    consecutiveLocalFailures: failures('With splitLocalFailures: attempts without an answer', 5),
    splitLocalFailures: flag('Whether attempts without an answer are counted apart. Default false: each is one more 5xx.'),
    successRate: Type.Optional(Type.Union([Type.Boolean(), successRate], { description: 'Whether an endpoint rests that succeeds less than its peers. Default true.' })),
    failurePercentage: Type.Optional(Type.Union([Type.Boolean(), failurePercentage], { description: 'Whether an endpoint rests of whose attempts too many fail. Default false.' })),
    intervalMs: ms(100, 'Milliseconds that the statistics look at. Default 10000.'),
    baseRestMs: ms(1, 'Milliseconds of the first rest; the n-th in a row is n times as long. Default 30000.'),
    maxRestMs: ms(1, 'Milliseconds of the longest rest. Default 300000, or baseRestMs if that is more.'),
    jitterMs: ms(0, 'Every rest is longer by up to so many milliseconds, at random. Default 0.'),
    maxRestingPercent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'Endpoints of a service that may rest at a time, in percent. Default 10.' })),
    alwaysRestOne: flag('Whether one endpoint may rest whatever maxRestingPercent says, if another one is fit. Default true.'),
    dryRun: flag('Whether it is only counted what would be done. Default false.'),
  },
  { additionalProperties: false },
)

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/outlier', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('outlier', 'passive', (options: PassiveOptions, { service = '' }) => passive(options, eventsOf(mesh.metrics, mesh.log, service)), schema)
})

export default plugin
export { passive, type FailurePercentage, type PassiveEvents, type PassiveOptions, type Rule, type SuccessRate }
