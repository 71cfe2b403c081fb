// The door: provides the admission `breaker`.
import { definePlugin, type Mesh, type MeshPlugin } from '@meshwright/core'
import { Type, type TSchema } from 'typebox'
import { breaker, type Breaker, type BreakerChange, type BreakerOptions, type BreakerParts, type BreakerState } from './breaker.ts'

const percent = (description: string): TSchema => Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 100, description }))
const ms = (minimum: number, maximum: number, description: string): TSchema => Type.Optional(Type.Number({ minimum, maximum, description }))

const schema: TSchema = Type.Object(
  {
    windowMs: ms(100, 600_000, 'How far back attempts are looked at. Milliseconds, default 10000.'),
    minAttempts: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'With fewer attempts in the window it does not open. Default 20.' })),
    failurePercent: percent('It opens when this part of the attempts in the window has failed. Default 50.'),
    slowMs: ms(1, 600_000, 'From which time to the response head on an attempt is slow. Milliseconds; default: none is.'),
    slowPercent: percent('It opens when this part of the attempts in the window was slow. Default 50.'),
    openMs: ms(10, 3_600_000, 'How long it stays open the first time. Milliseconds, default 5000.'),
    maxOpenMs: ms(10, 3_600_000, 'It stays open twice as long each further time, up to this. Milliseconds, default 60000.'),
    probes: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'How many may try the service at a time while it is half open. Default 1.' })),
    closeAfter: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'So many of them in a row have to go well to close it. Default 3.' })),
  },
  { additionalProperties: false },
)

const levels: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 }

const plugin: MeshPlugin = definePlugin({ name: '@meshwright/breaker', mesh: '^0.1.0' }, (mesh) => {
  mesh.provide('admission', 'breaker', (options: BreakerOptions, { service = '' }) => breaker(options, partsOf(mesh, service)), schema)
})

function partsOf({ metrics, log }: Mesh, service: string): BreakerParts {
  const state = metrics.gauge('mesh_breaker_state', 'The state of the breaker of a service, the worst of all threads: 0 closed, 1 half open, 2 open', { service }, 'max')
  const openings = metrics.counter('mesh_breaker_openings_total', 'How often a breaker has opened', { service })
  const refused = metrics.counter('mesh_breaker_refused_total', 'Attempts that a breaker has refused', { service })
  return {
    changed(change) {
      const before = state.value
      state.set(levels[change.state])
      if (change.state === 'open') openings.inc()
      // A breaker that begins closed, as one did before it, is nothing to tell.
      if (change.state === 'closed' && before === 0) return
      log[change.state === 'open' ? 'warn' : 'info']({ service, state: change.state }, `the breaker of service "${service}" is ${change.state}: ${change.why}`)
    },
    refused: () => refused.inc(),
  }
}

export default plugin
export { breaker, type Breaker, type BreakerChange, type BreakerOptions, type BreakerParts, type BreakerState }
