// Names for tests of the configuration, as plugins would provide them.
import { Type } from 'typebox'
import type { Provided } from '../config/answers.ts'

/** A few names of every kind that the tests use. */
export const provided: readonly Provided[] = [
  { kind: 'balancer', name: 'round-robin' },
  { kind: 'balancer', name: 'least-request', schema: Type.Object({ choices: Type.Optional(Type.Integer({ minimum: 2, maximum: 10 })) }, { additionalProperties: false }) },
  { kind: 'discovery', name: 'static' },
  { kind: 'discovery', name: 'file', schema: Type.Object({ path: Type.String() }, { additionalProperties: false }) },
  {
    kind: 'filter',
    name: 'rate-limit',
    schema: Type.Object({ requests: Type.Integer({ minimum: 1 }), windowMs: Type.Integer({ minimum: 1 }) }, { additionalProperties: false }),
  },
  { kind: 'filter', name: 'wasm' },
  { kind: 'networkFilter', name: 'wasm' },
  { kind: 'networkFilter', name: 'allow-list' },
  { kind: 'retry', name: 'retry', schema: Type.Object({ attempts: Type.Optional(Type.Integer({ minimum: 1 })) }, { additionalProperties: false }) },
]
