// Which failure meets which of Envoy's conditions.
import { errorKinds, type ErrorCode } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { conditionNames, Conditions, type ConditionName, type ConditionOptions } from './conditions.ts'
import { failed, type Failure } from './retry.test.kit.ts'

/** The names that hold when each is asked for alone. */
function holding(failure: Failure, options: ConditionOptions = { statusCodes: [429], headers: { 'x-again': 'yes' } }): ConditionName[] {
  return conditionNames.filter((name) => {
    const alone = name === 'retriable-status-codes' ? { statusCodes: options.statusCodes ?? [] } : name === 'retriable-headers' ? { headers: options.headers ?? {} } : {}
    return new Conditions({ on: [name], ...alone }).reason(failed(failure)) !== undefined
  })
}

const noResponse: readonly ConditionName[] = ['reset', 'gateway-error', '5xx']

describe('a failure without a response', () => {
  test.each(['MESH_CONNECT_FAILED', 'MESH_CONNECT_TIMEOUT', 'MESH_UPSTREAM_TLS'] as const)('%s is a connect-failure, and came before the request', (code) => {
    expect(holding({ code, sent: false })).toEqual(['connect-failure', 'reset-before-request', ...noResponse])
  })

  test.each(['MESH_UPSTREAM_CLOSED', 'MESH_UPSTREAM_PROTOCOL', 'MESH_RESPONSE_HEADERS_TIMEOUT', 'MESH_ATTEMPT_TIMEOUT'] as const)('%s is a reset', (code) => {
    expect(holding({ code })).toEqual(noResponse)
    expect(holding({ code, sent: false })).toEqual(['reset-before-request', ...noResponse])
  })

  const others = (Object.keys(errorKinds) as ErrorCode[]).filter((code) => errorKinds[code].source !== 'upstream')
  test.each(others)('%s meets no condition: it is not the endpoint that failed', (code) => {
    expect(holding({ code, sent: false })).toEqual([])
  })

  test('is what counts, even if there was a response head before it', () => {
    expect(holding({ code: 'MESH_UPSTREAM_CLOSED', status: 409 })).toEqual(noResponse)
    expect(holding({ code: 'MESH_OVERFLOW', status: 503 })).toEqual([])
  })
})

describe('a response', () => {
  test.each([
    [400, []],
    [404, []],
    [409, ['retriable-4xx']],
    [429, ['retriable-status-codes']],
    [500, ['5xx']],
    [501, ['5xx']],
    [502, ['gateway-error', '5xx']],
    [503, ['gateway-error', '5xx']],
    [504, ['gateway-error', '5xx']],
    [505, ['5xx']],
    [599, ['5xx']],
  ] as const)('of status %i meets %j', (status, names) => {
    expect(holding({ status })).toEqual(names)
  })

  test.each([
    ['1', 'cancelled'],
    ['4', 'deadline-exceeded'],
    ['8', 'resource-exhausted'],
    ['13', 'internal'],
    ['14', 'unavailable'],
  ] as const)('with grpc-status %s in its header fields meets %s', (status, name) => {
    expect(holding({ status: 200, headers: { 'grpc-status': status } })).toEqual([name])
  })

  test.each(['0', '2', '3', '12', '16', 'x', '__proto__', 'constructor'])('with grpc-status %s meets nothing', (status) => {
    expect(holding({ status: 200, headers: { 'grpc-status': status } })).toEqual([])
  })

  test('of an Envoy that has had enough is tried again only by who asks for it, whatever its status', () => {
    for (const status of [429, 503, 409]) expect(holding({ status, headers: { 'X-Envoy-RateLimited': 'true', 'x-again': 'yes' } })).toEqual(['envoy-ratelimited'])
  })

  test('of an Envoy without room is a 503 like any other', () => {
    expect(holding({ status: 503, headers: { 'x-envoy-overloaded': 'true' } })).toEqual(['gateway-error', '5xx'])
  })
})

describe('header fields', () => {
  const holds = (headers: ConditionOptions['headers'], fields: Record<string, string>): boolean => new Conditions({ on: [], headers: headers ?? {} }).reason(failed({ status: 200, headers: fields })) === 'retriable-headers'

  test.each([
    ['yes', { 'X-Again': 'yes' }, true],
    ['yes', { 'x-again': 'yes!' }, false],
    ['yes', {}, false],
    [{ exact: 'yes' }, { 'x-again': 'yes' }, true],
    [{ regex: 'y.*' }, { 'x-again': 'yes' }, true],
    [{ regex: 'e' }, { 'x-again': 'yes' }, false],
    [{ present: true }, { 'x-again': '' }, true],
    [{ present: true }, {}, false],
  ])('%j against %j: %s', (match, fields, holdsIt) => {
    expect(holds({ 'x-again': match }, fields)).toBe(holdsIt)
  })

  test('are looked at in every response', () => {
    expect(new Conditions({ headers: { 'x-again': 'yes' } }).everyResponse).toBe(true)
    expect(new Conditions({ statusCodes: [202] }).everyResponse).toBe(true)
    expect(new Conditions({ statusCodes: [429] }).everyResponse).toBe(false)
    expect(new Conditions({}).everyResponse).toBe(false)
  })

  test.each([[{ regex: '(a+)+' }], [{ regex: '(' }], [{ equals: 'x' }], [7]])('%j is refused', (match) => {
    expect(() => new Conditions({ headers: { 'x-again': match as never } })).toThrow(/headers\.x-again/)
  })

  test('are 64 at most', () => {
    expect(() => new Conditions({ headers: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x-${i}`, 'a'])) })).toThrow(RangeError)
  })
})

describe('without being told', () => {
  test('only what no endpoint has worked on is tried again', () => {
    const conditions = new Conditions({})
    expect([...conditions.names]).toEqual(['connect-failure', 'reset-before-request', 'refused-stream'])
    expect(conditions.reason(failed({ code: 'MESH_CONNECT_FAILED', sent: false }))).toBe('connect-failure')
    expect(conditions.reason(failed({ code: 'MESH_UPSTREAM_CLOSED' }))).toBeUndefined()
    expect(conditions.reason(failed({ status: 503 }))).toBeUndefined()
  })

  test('statusCodes and headers say their conditions themselves', () => {
    expect([...new Conditions({ on: ['5xx'], statusCodes: [429], headers: { a: 'b' } }).names]).toEqual(['5xx', 'retriable-status-codes', 'retriable-headers'])
  })
})

test.each([
  [{ on: ['5XX'] }, TypeError],
  [{ on: ['retriable-status-codes'] }, TypeError],
  [{ on: ['retriable-headers'] }, TypeError],
  [{ statusCodes: [199] }, RangeError],
  [{ statusCodes: [600] }, RangeError],
  [{ statusCodes: [429.5] }, RangeError],
])('%j is refused', (options, error) => {
  expect(() => new Conditions(options as ConditionOptions)).toThrow(error)
})
