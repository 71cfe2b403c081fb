// The time that a caller has left, over real sockets: endpoints are told, and it ends what takes longer.
import { breaker } from '@meshwright/breaker'
import { deadline } from '@meshwright/deadline'
import { backoff } from '@meshwright/retry'
import { describe, expect, test } from 'vitest'
import { answer, answeringEndpoint, codeOf, get, post, rawEndpoint, startMesh } from '../kit/index.ts'

test('an endpoint is told what is left', async () => {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint, { filters: [deadline()] })
  await mesh.ask(get('/', 'X-Request-Timeout-Ms: 60000'))
  const told = Number(endpoint.requests[0]?.one('x-request-timeout-ms'))
  expect(told).toBeGreaterThan(30_000)
  expect(told).toBeLessThanOrEqual(60_000)
})

test('an endpoint is told of the time that the service has, too', async () => {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint, { filters: [deadline()], service: { timeout: { requestMs: 20_000 } } })
  await mesh.ask(post('/', '', 'Content-Type: application/grpc', 'Grpc-Timeout: 1H'))
  const [request] = endpoint.requests
  const left = request?.one('x-request-timeout-ms') ?? ''
  expect(Number(left)).toBeLessThanOrEqual(20_000)
  expect(request?.one('grpc-timeout')).toBe(`${left}m`)
})

test('each attempt is told of less', async () => {
  const endpoint = await answeringEndpoint(answer('503 Service Unavailable'))
  const retry = backoff({ on: ['5xx'], attempts: 4, baseMs: 5 }, { random: () => 0.999 })
  const mesh = await startMesh(endpoint, { filters: [deadline()], service: { retry } })
  await mesh.ask(get('/', 'X-Request-Timeout-Ms: 60000'))
  const told = endpoint.requests.map((request) => Number(request.one('x-request-timeout-ms')))
  expect(told).toHaveLength(4)
  told.forEach((ms, i) => expect(ms).toBeLessThan(told[i - 1] ?? Infinity))
})

describe('when the time is over', () => {
  test('the client gets MESH_DEADLINE_EXCEEDED, and no endpoint is blamed', async () => {
    const silent = await rawEndpoint()
    const admission = breaker({ minAttempts: 1, failurePercent: 1 })
    const mesh = await startMesh(silent, { filters: [deadline()], service: { admission: [admission] } })
    const { response } = await mesh.ask(get('/', 'X-Request-Timeout-Ms: 20'))
    expect([response.status, codeOf(response), admission.state]).toEqual([504, 'MESH_DEADLINE_EXCEEDED', 'closed'])
    await (await silent.connection()).closed
  })

  test('of the service it is still MESH_REQUEST_TIMEOUT', async () => {
    const silent = await rawEndpoint()
    const mesh = await startMesh(silent, { filters: [deadline()], service: { timeout: { requestMs: 20 } } })
    const { response } = await mesh.ask(get('/', 'X-Request-Timeout-Ms: 60000'))
    expect([response.status, codeOf(response)]).toEqual([504, 'MESH_REQUEST_TIMEOUT'])
  })

  test('before an attempt is made, none is made', async () => {
    const endpoint = await answeringEndpoint()
    const mesh = await startMesh(endpoint, { filters: [deadline({ marginMs: 60_000 })] })
    const { response } = await mesh.ask(get('/', 'X-Request-Timeout-Ms: 20000'))
    expect([response.status, codeOf(response), endpoint.wires.length]).toEqual([504, 'MESH_DEADLINE_EXCEEDED', 0])
  })

  test('before another attempt could begin, the client sees why the last one failed, and need not wait', async () => {
    const endpoint = await answeringEndpoint(answer('503 Service Unavailable', 'no'))
    const retry = backoff({ on: ['5xx'], baseMs: 60_000 }, { random: () => 0.99 })
    const mesh = await startMesh(endpoint, { filters: [deadline()], service: { retry } })
    const { response } = await mesh.ask(get('/', 'X-Request-Timeout-Ms: 50000'))
    expect([response.status, response.body.toString(), endpoint.requests.length]).toEqual([503, 'no', 1])
  })
})

test('a peer that is not trusted has no say, and its endpoint does not hear of it', async () => {
  const endpoint = await answeringEndpoint()
  const mesh = await startMesh(endpoint, { filters: [deadline({ trustedPeers: ['192.0.2.1'] })] })
  const { response } = await mesh.ask(get('/', 'X-Request-Timeout-Ms: 1', 'Grpc-Timeout: 1n'))
  expect([response.status, endpoint.requests[0]?.all('x-request-timeout-ms'), endpoint.requests[0]?.all('grpc-timeout')]).toEqual([200, [], []])
})
