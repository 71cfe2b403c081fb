// A breaker over real sockets: it keeps traffic from a service that fails, and lets it back.
import { breaker, type BreakerOptions } from '@meshwright/breaker'
import { backoff } from '@meshwright/retry'
import { expect, test } from 'vitest'
import { answer, answeringEndpoint, codeOf, get, ok, rawEndpoint, startMesh, until, type RawEndpoint, type TestMesh } from '../kit/index.ts'

const options: BreakerOptions = { minAttempts: 4, openMs: 60_000 }

/** An endpoint that fails until it is told otherwise. */
async function moody(): Promise<{ endpoint: RawEndpoint; mend: () => void }> {
  let bytes = answer('500 Internal Server Error', 'no')
  return { endpoint: await answeringEndpoint(() => bytes), mend: () => void (bytes = ok) }
}

async function statuses(mesh: TestMesh, count: number): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < count; i++) seen.push((await mesh.ask(get('/'))).response.status)
  return seen
}

test('a service that fails is left alone, and clients are told when to come again', async () => {
  const { endpoint } = await moody()
  const mesh = await startMesh(endpoint, { service: { admission: [breaker(options)] } })
  expect(await statuses(mesh, 4)).toEqual([500, 500, 500, 500])
  const { response } = await mesh.ask(get('/'))
  expect([response.status, codeOf(response), response.one('x-envoy-overloaded')]).toEqual([503, 'MESH_BREAKER_OPEN', 'true'])
  expect(Number(response.one('retry-after'))).toBeGreaterThan(30)
  expect(endpoint.requests).toHaveLength(4)
})

test('a service that is well again gets its traffic back', async () => {
  const { endpoint, mend } = await moody()
  const states: string[] = []
  const admission = breaker({ ...options, openMs: 10 }, { changed: ({ state }) => void states.push(state) })
  const mesh = await startMesh(endpoint, { service: { admission: [admission] } })
  await statuses(mesh, 5)
  mend()
  while (admission.state !== 'closed') await mesh.ask(get('/'))
  expect(await statuses(mesh, 20)).toEqual(Array.from({ length: 20 }, () => 200))
  expect([states[0], states.at(-1)]).toEqual(['closed', 'closed'])
})

test('a probe whose client goes away gives its place to the next one', async () => {
  let bytes: string | undefined = answer('500 Internal Server Error')
  const endpoint = await rawEndpoint(async (wire) => {
    for (;;) {
      await wire.request()
      if (bytes !== undefined) wire.send(bytes)
    }
  })
  const admission = breaker({ ...options, openMs: 10, closeAfter: 1 })
  const mesh = await startMesh(endpoint, { service: { admission: [admission] } })
  await statuses(mesh, 4)
  expect(admission.state).toBe('open')
  bytes = undefined
  const before = endpoint.text.length
  let probe = await mesh.connect()
  while (endpoint.text.length === before) {
    probe = (await mesh.connect()).send(get('/'))
    await Promise.race([until(() => endpoint.text.length > before, 'the probe'), probe.response()])
  }
  expect((await mesh.ask(get('/'))).response.status).toBe(503)
  probe.reset()
  await until(() => mesh.ended.some(({ code }) => code === 'MESH_CLIENT_CLOSED'), 'the end of the probe')
  expect(admission.state).toBe('half-open')
  bytes = ok
  expect(await statuses(mesh, 3)).toEqual([200, 200, 200])
  expect(admission.state).toBe('closed')
})

test('replies made here never open it: not those of filters, not those of a service without endpoints', async () => {
  const endpoint = await answeringEndpoint()
  const admission = breaker(options)
  const filters = [{ name: 'down', onAttempt: () => { throw new Error('down') } }]
  const mesh = await startMesh(endpoint, { service: { admission: [admission] }, filters, logsErrors: true })
  expect(new Set(await statuses(mesh, 10))).toEqual(new Set([500]))
  expect(admission.state).toBe('closed')
})

test('further attempts end when it opens', async () => {
  const { endpoint } = await moody()
  const mesh = await startMesh(endpoint, { service: { admission: [breaker(options)], retry: backoff({ on: ['5xx'], attempts: 20, baseMs: 0 }) } })
  const { response } = await mesh.ask(get('/'))
  expect([codeOf(response), (await mesh.exchange()).attempts, endpoint.requests.length]).toEqual(['MESH_BREAKER_OPEN', 5, 4])
})
