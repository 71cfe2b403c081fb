// A limit over real sockets: what is beyond it is refused at once, and room comes back however an attempt ends.
import { limits } from '@meshwright/limits'
import { backoff } from '@meshwright/retry'
import { describe, expect, test } from 'vitest'
import { codeOf, get, httpEndpoint, startMesh, until } from '../kit/index.ts'

describe('a service with room for two', () => {
  test('refuses the third with MESH_OVERFLOW, and takes the next when one has ended', async () => {
    const held: (() => void)[] = []
    const endpoint = await httpEndpoint((_request, response) => void held.push(() => void response.end('ok')))
    const mesh = await startMesh(endpoint, { service: { admission: [limits({ requests: 2 })] } })
    const first = [mesh.ask(get('/')), mesh.ask(get('/'))]
    await until(() => held.length === 2, 'two requests')
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response), response.one('x-envoy-overloaded'), held.length]).toEqual([503, 'MESH_OVERFLOW', 'true', 2])
    held.splice(0).forEach((release) => release())
    for (const { response: { status } } of await Promise.all(first)) expect(status).toBe(200)
    const again = mesh.ask(get('/'))
    await until(() => held.length === 1, 'one more request')
    held[0]?.()
    expect((await again).response.status).toBe(200)
  })

  test('has room again when its clients go away', async () => {
    const taken: string[] = []
    const endpoint = await httpEndpoint((request, response) => {
      taken.push(request.url ?? '')
      if (request.url === '/quick') response.end('ok')
    })
    const mesh = await startMesh(endpoint, { service: { admission: [limits({ requests: 2 })] } })
    const clients = [(await mesh.connect()).send(get('/slow')), (await mesh.connect()).send(get('/slow'))]
    await until(() => taken.length === 2, 'two requests')
    clients.forEach((client) => client.reset())
    await mesh.exchange(2)
    expect((await mesh.ask(get('/quick'))).response.status).toBe(200)
  })

  test('does not try again what it has refused', async () => {
    const held: (() => void)[] = []
    const endpoint = await httpEndpoint((_request, response) => void held.push(() => void response.end('ok')))
    const mesh = await startMesh(endpoint, { service: { admission: [limits({ endpointRequests: 2 })], retry: backoff({ on: ['5xx'], attempts: 5 }) } })
    const first = [mesh.ask(get('/')), mesh.ask(get('/'))]
    await until(() => held.length === 2, 'two requests')
    const { response } = await mesh.ask(get('/'))
    expect([response.status, codeOf(response), (await mesh.exchange()).attempts]).toEqual([503, 'MESH_OVERFLOW', 1])
    held.forEach((release) => release())
    await Promise.all(first)
  })
})

test('further attempts beyond their limit are not made, and the client gets the failure itself', async () => {
  const held: (() => void)[] = []
  const endpoint = await httpEndpoint((request, response) => {
    if (request.headers['x-attempt'] !== '1') held.push(() => void response.end('ok'))
    else if (request.url === '/cut') response.destroy()
    else response.writeHead(503, { 'x-from': 'endpoint' }).end()
  })
  const retry = backoff({ on: ['5xx', 'reset'], budget: false, baseMs: 0, attemptHeader: 'x-attempt' })
  const mesh = await startMesh(endpoint, { service: { retry, admission: [limits({ retries: 1 })] } })
  const first = mesh.ask(get('/'))
  await until(() => held.length === 1, 'a further attempt')
  const { response } = await mesh.ask(get('/'))
  expect([response.status, response.one('x-from'), (await mesh.exchange()).attempts]).toEqual([503, 'endpoint', 1])
  const { response: cut } = await mesh.ask(get('/cut'))
  expect([cut.status, codeOf(cut), (await mesh.exchange(2)).attempts]).toEqual([502, expect.stringMatching(/^MESH_UPSTREAM_(CLOSED|RESET)$/), 1])
  held.splice(0)[0]?.()
  expect((await first).response.status).toBe(200)
  // There is room again.
  const next = mesh.ask(get('/'))
  await until(() => held.length === 1, 'one more further attempt')
  held[0]?.()
  expect((await next).response.status).toBe(200)
})
