// The names that the core itself provides.
import { Type, type TSchema } from 'typebox'
import type { Registry } from './registry.ts'
import { inTurn } from './service.ts'
import type { EndpointShort } from './spec.ts'
import { staticEndpoints } from './static-discovery.ts'
import { http1 } from './transport/http1.ts'
import { defaultTransportOptions } from './transport/options.ts'
import { undici } from './transport/undici.ts'

const staticOptions: TSchema = Type.Object(
  {
    endpoints: Type.Array(
      Type.Union([
        Type.String({ description: 'host:port' }),
        Type.Object(
          {
            address: Type.String({ description: 'host:port' }),
            id: Type.Optional(Type.String({ description: 'Stable name of the instance. Default: the address' })),
            weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Share of the traffic relative to the others. Default 1' })),
            zone: Type.Optional(Type.String({ description: 'Where it runs' })),
            metadata: Type.Optional(Type.Record(Type.String(), Type.String(), { description: 'Free text for balancers and filters' })),
          },
          { additionalProperties: false },
        ),
      ]),
      { description: 'The endpoints, all of them' },
    ),
  },
  { additionalProperties: false },
)

const noOptions: TSchema = Type.Object({}, { additionalProperties: false })

export function provideBuiltIns(registry: Registry): void {
  registry.provide('discovery', 'static', (options: { readonly endpoints: readonly (string | EndpointShort)[] }) => staticEndpoints(options.endpoints), staticOptions)
  registry.provide('balancer', 'in-turn', () => inTurn(), noOptions)
  registry.provide('transport', 'http1', (_options: object, { transport }) => http1(transport ?? defaultTransportOptions), noOptions)
  registry.provide('transport', 'undici', (_options: object, { transport }) => undici(transport ?? defaultTransportOptions), noOptions)
}
