// The shapes of the admin API's answers: what the OpenAPI document says, and what is sent.
import { Type, type TSchema } from 'typebox'

const text: TSchema = Type.String()
const count: TSchema = Type.Integer({ minimum: 0 })
const textOrNull: TSchema = Type.Union([Type.String(), Type.Null()])
const anything: TSchema = Type.Object({}, { additionalProperties: true })

export const problemSchema: TSchema = Type.Object(
  { type: text, title: text, status: Type.Integer(), code: text, detail: Type.Optional(text) },
  { description: 'RFC 9457 problem details' },
)

export const stateSchema: TSchema = Type.Object({ status: text }, { description: 'One word' })

const reloadSchema: TSchema = Type.Object({
  ok: Type.Boolean({ description: 'Whether the last change of the configuration was taken over' }),
  at: Type.String({ format: 'date-time' }),
  problems: Type.Array(text, { description: 'Why it was not' }),
})

export const configSchema: TSchema = Type.Object(
  {
    revision: Type.Integer({ minimum: 1, description: '1 for the first configuration, one more for each that was taken over' }),
    file: textOrNull,
    lastReload: Type.Union([reloadSchema, Type.Null()]),
    listeners: Type.Array(Type.Object({ name: text, url: text })),
    spec: Type.Object({}, { additionalProperties: true, description: 'What is in force; secrets are hidden' }),
  },
  { description: 'The configuration in force' },
)

export const routesSchema: TSchema = Type.Object(
  {
    routes: Type.Array(
      Type.Object({
        name: text,
        host: Type.String({ description: '* for any' }),
        match: anything,
        services: Type.Array(Type.Object({ service: text, weight: count })),
        redirect: Type.Optional(anything),
        reply: Type.Optional(Type.Object({ status: Type.Integer() })),
        filters: Type.Array(text),
      }),
    ),
  },
  { description: 'One row for each match and host, in the order in which requests meet them' },
)

const endpointSchema: TSchema = Type.Object({
  id: text,
  address: text,
  weight: count,
  priority: count,
  zone: textOrNull,
  fit: Type.Boolean({ description: 'May receive traffic: healthy and not resting' }),
  healthy: Type.Boolean(),
  resting: Type.Boolean({ description: 'Kept out for a while by an outlier detector' }),
  probation: Type.Boolean({ description: 'After a rest: gets one attempt at a time until one has gone well' }),
  reason: textOrNull,
  inFlight: count,
  attempts: count,
  failures: count,
  lastLatencyMs: Type.Number({ description: 'Of the last attempt; the greatest of all threads' }),
})

export const servicesSchema: TSchema = Type.Object(
  {
    answered: Type.Integer({ description: 'How many threads have said what they count' }),
    asked: count,
    services: Type.Array(Type.Object({ name: text, endpoints: Type.Array(endpointSchema) })),
  },
  { description: 'Services with their live endpoints, numbers of all threads added up' },
)

export const workersSchema: TSchema = Type.Object(
  {
    workers: Type.Array(
      Type.Object({
        worker: Type.Integer({ description: 'Stays the same when the thread is replaced; 0 is the main thread' }),
        threadId: Type.Integer(),
        state: Type.Union(['starting', 'running', 'waiting', 'draining', 'ended'].map((state) => Type.Literal(state))),
        restarts: count,
        lastRestartReason: textOrNull,
        heartbeatAgeMs: Type.Number(),
        connections: count,
        inFlight: count,
        revision: count,
        error: textOrNull,
      }),
    ),
  },
  { description: 'The data-plane threads' },
)

export const openapiSchema: TSchema = Type.Object({}, { additionalProperties: true, description: 'An OpenAPI 3.1 document' })
