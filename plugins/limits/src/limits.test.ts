// Who is refused, and by which limit.
import { Endpoint, Metrics, type Admission, type Exchange } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { limits, type LimitName, type LimitsOptions } from './limits.ts'

interface Load {
  readonly active?: number
  readonly retrying?: number
  readonly inFlight?: number
  readonly attempt?: number
}

function exchange({ active = 0, retrying = 0, inFlight = 0, attempt = 1 }: Load): Exchange {
  const endpoint = Object.assign(new Endpoint({ host: '127.0.0.1', port: 80 }), { inFlight })
  return { service: { active, retrying }, endpoint, attempt } as unknown as Exchange
}

/** The limit that refuses, by its own message; undefined: there is room. */
function refusal(options: LimitsOptions, load: Load): string | undefined {
  const error = limits(options).admit(exchange(load))
  if (error !== undefined) expect(error).toMatchObject({ code: 'MESH_OVERFLOW', status: 503, source: 'mesh', flag: 'UO' })
  return error?.detail
}

describe('requests', () => {
  test.each([
    [{}, 1023, undefined],
    [{}, 1024, 'limits.requests is 1024'],
    [{ requests: 2 }, 1, undefined],
    [{ requests: 2 }, 2, 'limits.requests is 2'],
    [{ requests: 0 }, 1_000_000, undefined],
  ])('%j with %i under way: %s', (options, active, detail) => {
    expect(refusal(options, { active })).toBe(detail)
  })
})

describe('retries', () => {
  test('are counted without the one that asks', () => {
    const mayRetry = (load: Load): boolean | undefined => limits({ retries: 2 }).mayRetry?.(exchange(load))
    expect([mayRetry({ attempt: 1, retrying: 1 }), mayRetry({ attempt: 1, retrying: 2 })]).toEqual([true, false])
    expect([mayRetry({ attempt: 2, retrying: 2 }), mayRetry({ attempt: 2, retrying: 3 })]).toEqual([true, false])
  })

  test('do not stand in the way of an attempt that is made', () => {
    for (const attempt of [1, 2]) expect(refusal({ retries: 1 }, { attempt, retrying: 100 })).toBeUndefined()
  })
})

test('endpointRequests look at the endpoint that was picked', () => {
  expect(refusal({ endpointRequests: 2 }, { inFlight: 1, active: 100 })).toBeUndefined()
  expect(refusal({ endpointRequests: 2 }, { inFlight: 2 })).toBe('limits.endpointRequests is 2')
})

test('each refusal is counted by its limit', () => {
  const metrics = new Metrics()
  const counter = (limit: LimitName): ReturnType<Metrics['counter']> => metrics.counter('refused', '', { limit })
  const refused = { requests: counter('requests'), retries: counter('retries'), endpointRequests: counter('endpointRequests') }
  const admission: Admission = limits({ requests: 10, retries: 1, endpointRequests: 5 }, { refused })
  for (const load of [{ active: 10 }, { active: 11 }, { inFlight: 5 }, {}]) admission.admit(exchange(load))
  for (const load of [{ retrying: 0 }, { retrying: 1 }]) admission.mayRetry?.(exchange(load))
  expect([refused.requests.value, refused.retries.value, refused.endpointRequests.value]).toEqual([2, 1, 1])
})

test.each([{ requests: -1 }, { requests: 1.5 }, { requests: 1_000_001 }, { retries: 0 }, { endpointRequests: 0 }, { endpointRequests: Number.NaN }])('%j is refused', (options) => {
  expect(() => limits(options)).toThrow(RangeError)
})
