// What a line says of an exchange, and what it keeps to itself.
import { Endpoint, Exchange, Headers, MeshError, Request, Response, type ErrorCode, type Route, type Service } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { toHeaderPlan, toRecord, type RecordPlan } from './record.ts'

const ordinary: RecordPlan = { level: 30, add: [], requestHeaders: undefined, responseHeaders: undefined }

function exchangeOf(headers: Headers = new Headers(), path = '/users/7'): Exchange {
  const request = new Request({
    method: 'GET', path, query: 'token=secret', hasQuery: true, authority: 'shop.example', scheme: 'https', headers, version: '1.1',
    peerAddress: '10.0.0.1', clientAddress: '192.0.2.7', id: 'req-1', upgrade: undefined, expectContinue: false,
  })
  return new Exchange(request, undefined, { name: 'users' } as Route, 'public', 1000)
}

function answered(exchange: Exchange): Exchange {
  exchange.service = { name: 'users-v1' } as Service
  exchange.endpoint = new Endpoint({ host: '::1', port: 9001 })
  exchange.response = new Response(200, 'OK', Headers.from({ 'Content-Type': 'text/html', 'Set-Cookie': ['a=1', 'b=2'] }))
  exchange.attempt = 2
  exchange.attemptMs = 1004
  exchange.headersMs = 1005.12345
  exchange.endedMs = 1007
  exchange.responseBytes = 532
  return exchange
}

test('an answered exchange gives every usual field and no other', () => {
  const before = Date.now()
  const { time, ...record } = toRecord(answered(exchangeOf()), ordinary)
  expect(time).toBeGreaterThanOrEqual(before - 7)
  expect(time).toBeLessThanOrEqual(Date.now() - 7)
  expect(record).toEqual({
    level: 30,
    listener: 'public',
    route: 'users',
    service: 'users-v1',
    endpoint: '[::1]:9001',
    client: '192.0.2.7',
    method: 'GET',
    authority: 'shop.example',
    path: '/users/7',
    status: 200,
    flag: '-',
    code: '-',
    attempts: 2,
    totalMs: 7,
    firstByteMs: 5.123,
    upstreamMs: 1.123,
    requestBytes: 0,
    responseBytes: 532,
    requestId: 'req-1',
  })
})

test('an exchange that got nowhere says why, with "-" and null for what never was', () => {
  const exchange = exchangeOf()
  exchange.route = undefined
  exchange.error = new MeshError('MESH_CLIENT_CLOSED')
  exchange.endedMs = 1001
  expect(toRecord(exchange, ordinary)).toMatchObject({ route: '-', service: '-', endpoint: '-', status: 0, flag: 'DC', code: 'MESH_CLIENT_CLOSED', attempts: 0, firstByteMs: null, upstreamMs: null })
})

test.each<[ErrorCode | undefined, 'attempts' | 'overflow' | undefined, string]>([
  [undefined, 'attempts', 'URX'],
  ['MESH_CONNECT_FAILED', 'attempts', 'UF,URX'],
  ['MESH_CONNECT_FAILED', 'overflow', 'UF,UO'],
  ['MESH_CONNECT_FAILED', undefined, 'UF'],
  ['MESH_OVERFLOW', 'overflow', 'UO'],
])('%s, not tried again because of %s, has the flags %s', (code, unretried, flag) => {
  const exchange = answered(exchangeOf())
  exchange.error = code === undefined ? undefined : new MeshError(code)
  exchange.unretried = unretried
  expect(toRecord(exchange, ordinary).flag).toBe(flag)
})

test('a reply made here has no upstream time', () => {
  const exchange = answered(exchangeOf())
  exchange.replied = true
  expect(toRecord(exchange, ordinary)).toMatchObject({ firstByteMs: 5.123, upstreamMs: null })
})

test('the path is the one that the client sent, before any rewrite', () => {
  const exchange = answered(exchangeOf())
  exchange.request.path = '/internal'
  expect(toRecord(exchange, ordinary).path).toBe('/users/7')
})

test('the query and other data of people are there when asked for', () => {
  const exchange = answered(exchangeOf(Headers.from({ 'User-Agent': 'curl/8' })))
  expect(JSON.stringify(toRecord(exchange, ordinary))).not.toMatch(/secret|curl/)
  const record = toRecord(exchange, { ...ordinary, add: ['query', 'userAgent', 'referer', 'scheme', 'version', 'peer'] })
  expect(record).toMatchObject({ query: 'token=secret', userAgent: 'curl/8', referer: '-', scheme: 'https', version: '1.1', peer: '10.0.0.1' })
})

test('texts are cut at 2048 characters', () => {
  expect(toRecord(answered(exchangeOf(new Headers(), `/${'a'.repeat(5000)}`)), ordinary).path).toHaveLength(2048)
})

describe('header fields', () => {
  const headers = Headers.from({ Authorization: 'Bearer x', Cookie: 'sid=1', Accept: ['a', 'b'], __proto__x: 'p', 'X-Api-Key': 'k' })

  function logged(...names: string[]): Readonly<Record<string, string>> | undefined {
    return toRecord(answered(exchangeOf(headers)), { ...ordinary, requestHeaders: toHeaderPlan(names) }).requestHeaders
  }

  test('those that are named are logged under their lower-case names, repeated ones joined', () => {
    expect(logged('Accept', 'x-absent')).toEqual({ accept: 'a, b' })
  })

  test('with * the values of those that carry secrets are replaced', () => {
    expect(logged('*')).toEqual({ authorization: '[redacted]', cookie: '[redacted]', accept: 'a, b', __proto__x: 'p', 'x-api-key': '[redacted]' })
  })

  test('a secret that is named is logged, and the others stay replaced', () => {
    expect(logged('*', 'Cookie')).toMatchObject({ authorization: '[redacted]', cookie: 'sid=1' })
  })

  test('no names, no headers', () => {
    expect(logged()).toBeUndefined()
  })

  test('* stops at a hundred fields, and a field named like a part of every object is only a field', () => {
    const many = Headers.from([['__proto__', 'x'], ['constructor', 'y'], ...Array.from({ length: 200 }, (_, i): [string, string] => [`x-${i}`, ''])])
    const picked = toRecord(answered(exchangeOf(many)), { ...ordinary, requestHeaders: toHeaderPlan(['*']) }).requestHeaders ?? {}
    expect(Object.keys(picked)).toHaveLength(100)
    expect(JSON.stringify(picked)).toContain('"__proto__":"x","constructor":"y"')
  })

  test('of the response the same', () => {
    const plan = { ...ordinary, responseHeaders: toHeaderPlan(['content-type', '*']) }
    expect(toRecord(answered(exchangeOf()), plan).responseHeaders).toEqual({ 'content-type': 'text/html', 'set-cookie': '[redacted]' })
  })
})
