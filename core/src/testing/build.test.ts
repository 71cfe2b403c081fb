// Endpoints and exchanges made for tests are those of a mesh.
import { describe, expect, test } from 'vitest'
import { Endpoint } from '../endpoint.ts'
import { MeshError } from '../errors.ts'
import { Exchange } from '../exchange.ts'
import { endpoint, endpoints, exchange, outcome, serviceOf } from './build.ts'

describe('an endpoint', () => {
  test('is what a text says', () => {
    expect(endpoint('[::1]:8080')).toMatchObject({ host: '::1', port: 8080, weight: 1, fit: true })
  })

  test('has the state it is given', () => {
    const made = endpoint({ weight: 0.5, inFlight: 3, healthy: false })
    expect(made).toBeInstanceOf(Endpoint)
    expect(made).toMatchObject({ weight: 0.5, inFlight: 3, fit: false, address: '127.0.0.1:80' })
  })

  test('is one of many, each with an id and a port of its own', () => {
    expect(endpoints(3, (index) => ({ weight: index + 1 })).map(({ id, port, weight }) => [id, port, weight])).toEqual([['e0', 9000, 1], ['e1', 9001, 2], ['e2', 9002, 3]])
    expect(endpoints(2, { zone: 'b' }).map(({ zone }) => zone)).toEqual(['b', 'b'])
  })
})

describe('an exchange', () => {
  test('is a GET that nobody has answered, on a route to a service', () => {
    const made = exchange()
    expect(made).toBeInstanceOf(Exchange)
    expect(made).toMatchObject({ attempt: 0, response: undefined, error: undefined, endpoint: undefined, body: undefined, service: { name: 'users' }, route: { name: 'testing' } })
    expect(made.request).toMatchObject({ method: 'GET', target: '/', hasQuery: false })
  })

  test('has the query that its path has', () => {
    expect(exchange({ path: '/a?b=c?d' }).request).toMatchObject({ path: '/a', query: 'b=c?d', hasQuery: true, target: '/a?b=c?d' })
    expect(exchange({ path: '/a?' }).request).toMatchObject({ path: '/a', query: '', hasQuery: true })
  })

  test('was answered when it has a status', () => {
    const made = exchange({ status: 503, responseHeaders: { 'set-cookie': ['a', 'b'] }, latencyMs: 7 })
    expect(made.attempt).toBe(1)
    expect(made.endpoint?.address).toBe('127.0.0.1:80')
    expect(made.response?.headers.getAll('Set-Cookie')).toEqual(['a', 'b'])
    expect(made.headersMs - made.attemptMs).toBeCloseTo(7)
  })

  test('has failed when it has an error', () => {
    const error = exchange({ error: 'MESH_CONNECT_FAILED' }).error
    expect(error).toBeInstanceOf(MeshError)
    expect(error).toMatchObject({ status: 502, source: 'upstream' })
  })

  test('forgets the outcome of one attempt with the next', () => {
    const made = outcome(exchange({ error: 'MESH_CONNECT_FAILED' }), { status: 200 })
    expect(made).toMatchObject({ error: undefined, response: { status: 200 } })
  })

  test('has a body that can be read', () => {
    const { body } = exchange({ method: 'POST', body: 'three words, UTF-8: ü' })
    const heard: string[] = []
    expect(body?.declaredBytes).toBe(22)
    body?.sendTo({ write: (chunk) => heard.push(new TextDecoder().decode(chunk)) > 0, end: () => void heard.push('end'), abort: () => {} })
    expect(heard).toEqual(['three words, UTF-8: ü', 'end'])
  })
})

test('a service has the endpoints it is made of, and cannot send', () => {
  const service = serviceOf(endpoints(2), 'orders')
  expect(service.name).toBe('orders')
  expect(service.endpoints.all.map(({ id }) => id)).toEqual(['e0', 'e1'])
  expect(() => service.transport.send(exchange(), endpoint(), undefined as never)).toThrow('cannot be sent')
})
