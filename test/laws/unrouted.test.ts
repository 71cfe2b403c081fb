// Requests that no route matches: what the mesh does with them, and who hears of it.
import { createMesh, type Exchange, type Filter } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import { answeringEndpoint } from '../kit/index.ts'

test('a request without a route is seen by the filters of the mesh, and not by those of a route', async () => {
  const endpoint = await answeringEndpoint()
  const heard: string[] = []
  const listening = (name: string): Filter => ({ name, onEnd: ({ request, error }: Exchange) => void heard.push(`${name} ${request.path} ${error?.code ?? 'fine'}`) })
  const app = createMesh({ drainMs: 0 })
  onTestFinished(() => app.close())
  app.mesh.filter(listening('scope'))
  await app.mesh.apply({
    services: { test: { endpoints: [endpoint.address] } },
    filters: [listening('mesh')],
    routes: [{ match: { path: '/there' }, to: 'test', filters: [listening('route')] }],
  })
  await app.ready()
  const { url } = await app.mesh.listen({ address: '127.0.0.1:0', unrouted: 'reply' })
  expect((await fetch(`${url}/there`)).status).toBe(200)
  expect((await fetch(`${url}/nowhere`)).status).toBe(404)
  expect(heard).toEqual(['scope /there fine', 'mesh /there fine', 'route /there fine', 'scope /nowhere MESH_NO_ROUTE', 'mesh /nowhere MESH_NO_ROUTE'])
})

test('what is said of a request without a route passes the response phases of the filters of the mesh', async () => {
  const app = createMesh({ drainMs: 0 })
  onTestFinished(() => app.close())
  await app.mesh.apply({ filters: [{ name: 'careful', onResponseHeaders: ({ response }: Exchange) => response?.headers.set('x-content-type-options', 'nosniff') }] })
  await app.ready()
  const { url } = await app.mesh.listen({ address: '127.0.0.1:0', unrouted: 'reply' })
  const answer = await fetch(`${url}/nowhere`)
  expect([answer.status, answer.headers.get('x-content-type-options')]).toEqual([404, 'nosniff'])
})

test('a listener that is open before the app is ready answers 503 for what it leaves to the app, and the app from then on', async () => {
  const app = createMesh()
  onTestFinished(() => app.close())
  app.get('/own', async () => 'mine')
  const { url } = await app.mesh.listen({ address: '127.0.0.1:0' })
  expect((await fetch(`${url}/own`)).status).toBe(503)
  await app.ready()
  expect(await (await fetch(`${url}/own`)).text()).toBe('mine')
})
