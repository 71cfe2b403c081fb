// Types are tested as code: what the public surface promises, and what it refuses. Checked by tsc, never run.
import {
  createMesh,
  definePlugin,
  Headers,
  reply,
  type Admission,
  type Answer,
  type Balancer,
  type Discovery,
  type ErrorCode,
  type Exchange,
  type Filter,
  type HealthCheck,
  type MeshApp,
  type MeshError,
  type MeshPlugin,
  type MeshSpec,
  type OutlierDetector,
  type QuestionKind,
  type Questions,
  type RetryPolicy,
  type RouteSpec,
  type ServiceSpec,
} from '@meshwright/core'

// -- answers: one required method or none, and nothing else is demanded of them

({ name: 'none' }) satisfies Filter;
({ name: 'sync', onRequestHeaders: () => {} }) satisfies Filter;
({ name: 'async', onRequestHeaders: async () => {} }) satisfies Filter;
({ name: 'reply', onAttempt: (exchange) => (exchange.attempt > 1 ? reply(503) : undefined) }) satisfies Filter;
({ name: 'later', onResponseHeaders: async () => reply(200, 'text', { 'x-a': ['1', '2'] }) }) satisfies Filter;
({ name: 'body', bufferRequestBytes: 1024, onRequestBody: (_exchange, chunk, last) => (last ? chunk.subarray(1) : undefined) }) satisfies Filter;
// @ts-expect-error a filter has a name
({ onRequestHeaders: () => {} }) satisfies Filter;
// @ts-expect-error a phase answers nothing or a reply: what Headers.delete answers is neither
({ name: 'f', onRequestHeaders: (exchange: Exchange) => exchange.request.headers.delete('x-a') }) satisfies Filter;
// @ts-expect-error a text is no body
({ name: 'f', onRequestBody: () => 'text' }) satisfies Filter;
// @ts-expect-error nobody waits for onEnd, but a reply there would be lost
({ name: 'f', onEnd: reply }) satisfies Filter;
// @ts-expect-error a phase that does not exist is a slip of the pen
({ name: 'f', onRequestHeader: () => {} }) satisfies Filter;

({ pick: ([first]) => first ?? undefined as never }) satisfies Balancer;
({ pick: (endpoints, exchange) => endpoints[exchange.request.path.length % endpoints.length] as never, update: (endpoints) => void endpoints.length }) satisfies Balancer;
// @ts-expect-error a balancer is asked for an endpoint, now
({ pick: async ([first]) => first }) satisfies Balancer;

({ watch: (_service, publish) => (publish([{ host: 'a', port: 80 }]), () => {}) }) satisfies Discovery;
({ watch: async () => () => {} }) satisfies Discovery;
// @ts-expect-error whoever starts must be able to stop
({ watch: () => {} }) satisfies Discovery;
// @ts-expect-error an endpoint has a port
({ watch: (_service, publish) => (publish([{ host: 'a' }]), () => {}) }) satisfies Discovery;

({ check: async (endpoint, signal) => void (await fetch(`http://${endpoint.address}`, { signal })) }) satisfies HealthCheck;
({ ended: (endpoint, exchange) => (exchange.error === undefined ? undefined : endpoint.failures * 1000) }) satisfies OutlierDetector;
({ admit: () => undefined, ended: () => {} }) satisfies Admission;
// @ts-expect-error what was admitted must be given back
({ admit: () => undefined }) satisfies Admission;
// @ts-expect-error a refusal is an error with a code
({ admit: () => false, ended: () => {} }) satisfies Admission;
({ next: ({ attempt, error }) => (attempt < 3 && error?.source === 'upstream' ? 25 : undefined) }) satisfies RetryPolicy;

'balancer' satisfies QuestionKind
// @ts-expect-error only the questions there are
'balancers' satisfies QuestionKind

// -- answers by value, by name, and by name with options

const answers: readonly Answer<Questions['balancer']>[] = ['p2c', { p2c: { seed: 7 } }, { pick: ([first]) => first as never }]
// @ts-expect-error a number is none of them
const wrong: Answer<Questions['balancer']> = 7;

({ endpoints: ['a:80', { address: 'b:80', weight: 2, zone: 'z' }], retry: { next: () => 1 }, timeout: { connectMs: 1 } }) satisfies ServiceSpec;
// @ts-expect-error units stand in the names
({ timeout: { connect: 1 } }) satisfies ServiceSpec;
({ match: [{ path: { prefix: '/a' }, headers: { 'x-a': { present: false } } }], to: [{ service: 'a', weight: 9 }] }) satisfies RouteSpec;
// @ts-expect-error a path matches in one way
({ match: { path: { glob: '/a' } } }) satisfies RouteSpec;
({ listeners: [{ address: ':80', unrouted: 'reply' }], services: {}, routes: [], admin: false, workers: 2 }) satisfies MeshSpec

// -- plugins: the options of a setup are those of a registration

interface Limits {
  readonly requests: number
  readonly windowMs?: number
}

const limits: MeshPlugin<Limits> = definePlugin<Limits>({ name: 'limits', mesh: '^0.1.0' }, (mesh, options) => {
  options.requests satisfies number
  // @ts-expect-error an optional option may be absent
  options.windowMs satisfies number
  mesh.provide('filter', 'limits', (own: Limits) => ({ name: `limits ${own.requests}` }))
  // @ts-expect-error what is made answers the question it is provided for
  mesh.provide('balancer', 'limits', () => ({ name: 'limits' }))
  // @ts-expect-error a question that nobody asks
  mesh.provide('balancers', 'limits', () => ({}))
})
const annotated: MeshPlugin<Limits> = definePlugin({ name: 'limits', mesh: '^0.1.0' }, (_mesh, options: Limits) => void options.requests)
const bare: MeshPlugin = definePlugin({ name: 'bare', mesh: '*' }, async (mesh) => mesh.log.info({}, mesh.side))
// @ts-expect-error a plugin says for which versions of the core it was made
definePlugin({ name: 'bare' }, () => {})

const app: MeshApp = createMesh({ logger: false, drainMs: 1, listener: { limits: { bodyBytes: 1 } } })
// @ts-expect-error an app listens where it is told to, not where its listener says
createMesh({ listener: { address: ':80' } })
await app.register(limits, { requests: 1 })
await app.register(annotated, { requests: 1, windowMs: 2 })
await app.register(bare)
// @ts-expect-error an option that is required
await app.register(limits, {})
// @ts-expect-error an option of another type
await app.register(limits, { requests: '1' })

// -- the app of Fastify and the mesh in it know each other

app.get('/users', (_request, answer) => answer.proxy('users', '/v2'))
app.mesh.route('/users/*', 'users', { filters: ['limits'], timeout: { requestMs: 1 } })
app.mesh.route({ host: '*.example' }, [{ service: 'users', weight: 1 }])
// @ts-expect-error where a route goes is said once
app.mesh.route('/users', 'users', { to: 'others' })
await app.register(async (scope) => {
  scope.mesh.filter({ name: 'own' })
  await scope.mesh.service('users', { endpoints: ['a:80'], balancer: answers[0] as string })
})
;(await app.mesh.listen({ address: '127.0.0.1:0' })) satisfies { port: number; url: string }

export function edits(endpoints: Parameters<Balancer['pick']>[0]): void {
  // @ts-expect-error the list of fit endpoints is replaced, never edited
  endpoints.length = 0
}

// -- an exchange: plugins declare what they keep on it

declare module '@meshwright/core' {
  interface ExchangeState {
    place?: { readonly country: string }
  }
}

export function reads(exchange: Exchange): void {
  exchange.state.place = { country: 'pt' }
  exchange.state.place.country satisfies string
  // @ts-expect-error what nobody has declared
  exchange.state.nowhere = 1
  exchange.request.path = '/new'
  // @ts-expect-error who the client is does not change
  exchange.request.clientAddress = '10.0.0.1'
  exchange.request.headers satisfies Headers
  // @ts-expect-error before the endpoint has answered there is no response
  exchange.response.status satisfies number
  // @ts-expect-error the headers are changed, not replaced
  exchange.request.headers = new Headers()
}

export function told(error: MeshError): void {
  error.code satisfies ErrorCode
  'MESH_NO_ROUTE' satisfies ErrorCode
  // @ts-expect-error a code that is not in the table
  'MESH_NO_ROUTES' satisfies ErrorCode
}

export { wrong }
