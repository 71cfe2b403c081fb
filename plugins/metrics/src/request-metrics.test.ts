// What is counted of each way an exchange can end.
import { Endpoint, Exchange, Headers, MeshError, Metrics, Request, Response, type ErrorCode, type MetricFamily, type Route, type Service } from '@meshwright/core'
import { expect, test } from 'vitest'
import { requestMetrics } from './request-metrics.ts'

interface Ending {
  route?: string
  service?: string
  status?: number
  code?: ErrorCode
  ms?: number
  attempts?: number
  bytes?: [number, number]
}

const routes = new Map<string, Route>()

/** Routes and services are compiled by the core; only their names matter here. */
function routeOf(name: string): Route {
  const route = routes.get(name) ?? ({ name } as Route)
  routes.set(name, route)
  return route
}

function ended({ route, service, status, code, ms = 1, attempts = 1, bytes = [0, 0] }: Ending): Exchange {
  const request = new Request({
    method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: new Headers(), version: '1.1',
    peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: 'r1', upgrade: undefined, expectContinue: false,
  })
  const exchange = new Exchange(request, undefined, route === undefined ? undefined : routeOf(route), 'public', 1000)
  exchange.service = service === undefined ? undefined : ({ name: service } as Service)
  exchange.endpoint = new Endpoint({ host: '127.0.0.1', port: 9001 })
  exchange.response = status === undefined ? undefined : new Response(status, '', new Headers())
  exchange.error = code === undefined ? undefined : new MeshError(code)
  exchange.endedMs = 1000 + ms
  exchange.attempt = attempts
  ;[exchange.requestBytes, exchange.responseBytes] = bytes
  return exchange
}

function counted(...endings: Ending[]): Record<string, MetricFamily['series']> {
  const metrics = new Metrics()
  const filter = requestMetrics(metrics, [0.01, 0.1])
  for (const ending of endings) filter.onEnd?.(ended(ending))
  return Object.fromEntries(metrics.collect().map((family) => [family.name, family.series]))
}

test('a request that went well counts under its route, service and class, with the reason "-"', () => {
  const numbers = counted({ route: 'users', service: 'users-v1', status: 204, ms: 50, bytes: [10, 20], attempts: 2 })
  const labels = ['users', 'users-v1']
  expect(numbers).toEqual({
    mesh_requests_total: [{ labels: [...labels, '2xx', '-'], value: 1 }],
    mesh_request_duration_seconds: [{ labels, buckets: [0, 1, 0], count: 1, sum: 0.05 }],
    mesh_request_bytes_total: [{ labels, value: 10 }],
    mesh_response_bytes_total: [{ labels, value: 20 }],
    mesh_attempts_total: [{ labels, value: 2 }],
  })
})

test('requests that were sent again in silence are counted once there is one', () => {
  const metrics = new Metrics()
  const filter = requestMetrics(metrics, [1])
  const exchange = ended({ route: 'users', service: 'users-v1', status: 200 })
  for (const resent of [0, 1, 1]) filter.onEnd?.(Object.assign(exchange, { resent }))
  expect(metrics.collect().find(({ name }) => name === 'mesh_resent_total')?.series).toEqual([{ labels: ['users', 'users-v1'], value: 2 }])
})

test.each([
  [{ status: 101 }, '1xx', '-'],
  [{ status: 304 }, '3xx', '-'],
  [{ status: 404 }, '4xx', '-'],
  [{ status: 503, code: 'MESH_NO_ENDPOINT' }, '5xx', 'no_endpoint'],
  [{ status: 200, code: 'MESH_RESPONSE_IDLE_TIMEOUT' }, '2xx', 'response_idle_timeout'],
  [{ code: 'MESH_CLIENT_CLOSED' }, '-', 'client_closed'],
] as [Ending, string, string][])('%j is class %s, reason %s', (ending, ofClass, reason) => {
  expect(counted({ route: 'a', service: 'b', ...ending })['mesh_requests_total']).toEqual([{ labels: ['a', 'b', ofClass, reason], value: 1 }])
})

test('what had no route and no service counts under "-"', () => {
  expect(counted({ status: 404, code: 'MESH_NO_ROUTE' })['mesh_requests_total']).toEqual([{ labels: ['-', '-', '4xx', 'no_route'], value: 1 }])
})

test('the services of one route count apart, and two routes of one name together', () => {
  const metrics = new Metrics()
  const filter = requestMetrics(metrics)
  for (const service of ['v1', 'v2', 'v1']) filter.onEnd?.(ended({ route: 'a', service, status: 200 }))
  routes.delete('a')
  filter.onEnd?.(ended({ route: 'a', service: 'v1', status: 200 }))
  expect(metrics.collect().find((family) => family.name === 'mesh_requests_total')?.series).toEqual([
    { labels: ['a', 'v1', '2xx', '-'], value: 3 },
    { labels: ['a', 'v2', '2xx', '-'], value: 1 },
  ])
})

test('more routes than there may be series are counted as "other", and none is lost', () => {
  const metrics = new Metrics({ maxSeries: 10 })
  const filter = requestMetrics(metrics)
  for (let i = 0; i < 100; i++) filter.onEnd?.(ended({ route: `r${i}`, service: 's', status: 200 }))
  const series = metrics.collect().find((family) => family.name === 'mesh_attempts_total')?.series ?? []
  expect(series).toHaveLength(11)
  expect(series.at(-1)).toEqual({ labels: ['other', 'other'], value: 90 })
})
