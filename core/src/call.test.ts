// Calls of the mesh's own: whole answers, every way to fail, and the same balancing, retries and limits as everybody's.
import { afterEach, describe, expect, test } from 'vitest'
import { Headers } from './headers.ts'
import type { MeshApp } from './mesh.ts'
import { closeAll, endpoint, mesh } from './mesh.test.kit.ts'
import type { ServiceSpec } from './spec.ts'

afterEach(closeAll)

async function calling(spec: ServiceSpec): Promise<MeshApp> {
  const { app } = mesh()
  await app.mesh.service('users', spec)
  await app.ready()
  return app
}

function text(body: Uint8Array): string {
  return Buffer.from(body).toString()
}

describe('a call', () => {
  test('sends what it is given and answers what comes back', async () => {
    const { address } = await endpoint('a', (message, response) => {
      let body = ''
      message.on('data', (chunk: Buffer) => (body += chunk.toString()))
      message.on('end', () => {
        response.writeHead(201, { 'x-seen': `${message.method} ${message.url} ${message.headers.host ?? ''} ${String(message.headers['x-from'])} ${message.headers['content-length'] ?? ''}` })
        response.end(body.toUpperCase())
      })
    })
    const app = await calling({ endpoints: [address] })
    const answer = await app.mesh.call('users', { method: 'POST', path: '/find?x=1', authority: 'users.example', headers: new Headers(['x-from', 'test']), body: Buffer.from('hello') })
    expect([answer.status, answer.headers.get('x-seen'), text(answer.body), answer.trailers]).toEqual([201, 'POST /find?x=1 users.example test 5', 'HELLO', undefined])
  })

  test('carries trailers both ways', async () => {
    const { address } = await endpoint('a', (message, response) => {
      message.resume().on('end', () => {
        response.writeHead(200, { trailer: 'x-sum' })
        response.write('a')
        response.addTrailers({ 'x-sum': message.trailers['x-sum'] as string })
        response.end()
      })
    })
    const app = await calling({ endpoints: [address] })
    const answer = await app.mesh.call('users', { method: 'PUT', body: Buffer.from('a'), trailers: new Headers(['x-sum', '7']) })
    expect(answer.trailers?.get('x-sum')).toBe('7')
  })

  test('answers an error status as it is, and an endpoint that cannot be reached by an error', async () => {
    const { address } = await endpoint('a', (_message, response) => void response.writeHead(503).end('busy'))
    const app = await calling({ endpoints: [address] })
    await app.mesh.service('nobody', { endpoints: ['127.0.0.1:1'] })
    expect(await app.mesh.call('users')).toMatchObject({ status: 503 })
    await expect(app.mesh.call('nobody')).rejects.toMatchObject({ code: 'MESH_CONNECT_FAILED' })
    await expect(app.mesh.call('unheard-of')).rejects.toMatchObject({ code: 'MESH_UNKNOWN_SERVICE' })
  })

  test('is retried as the service says', async () => {
    let asked = 0
    const { address } = await endpoint('a', (_message, response) => void response.writeHead(asked++ === 0 ? 503 : 200).end())
    const app = await calling({ endpoints: [address], retry: { next: ({ attempt }) => (attempt < 2 ? 0 : undefined) } })
    expect([(await app.mesh.call('users')).status, asked]).toEqual([200, 2])
  })

  test('takes no longer than it may, and leaves nothing under way', async () => {
    const { address } = await endpoint('a', () => {})
    const app = await calling({ endpoints: [address] })
    await expect(app.mesh.call('users', { timeoutMs: 20 })).rejects.toMatchObject({ code: 'MESH_DEADLINE_EXCEEDED' })
    expect(app.mesh.snapshot.services.get('users')?.active).toBe(0)
  })

  test('takes no more than it may', async () => {
    const { address } = await endpoint('a', (_message, response) => void response.end('x'.repeat(2000)))
    const app = await calling({ endpoints: [address] })
    await expect(app.mesh.call('users', { maxBytes: 1999 })).rejects.toMatchObject({ code: 'MESH_RESPONSE_BUFFER_FULL' })
    expect((await app.mesh.call('users', { maxBytes: 2000 })).body.byteLength).toBe(2000)
  })

  test('fails when its response is cut', async () => {
    const { address } = await endpoint('a', (_message, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half', () => response.destroy())
    })
    const app = await calling({ endpoints: [address] })
    await expect(app.mesh.call('users')).rejects.toMatchObject({ code: 'MESH_UPSTREAM_CLOSED' })
  })

  test('can be given up, before and while it is under way', async () => {
    const asked = Promise.withResolvers<void>()
    const { address } = await endpoint('a', () => asked.resolve())
    const app = await calling({ endpoints: [address] })
    await expect(app.mesh.call('users', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'MESH_CLIENT_CLOSED' })
    const giving = new AbortController()
    const pending = app.mesh.call('users', { signal: giving.signal })
    await asked.promise
    giving.abort()
    await expect(pending).rejects.toMatchObject({ code: 'MESH_CLIENT_CLOSED' })
  })
})

describe('a filter', () => {
  test('is retired once when a reload has replaced it, and when the mesh closes', async () => {
    const { app } = mesh()
    const retired: number[] = []
    let made = 0
    app.mesh.provide('filter', 'mine', () => {
      const number = ++made
      return { name: 'mine', retire: () => void retired.push(number) }
    })
    await app.ready()
    await app.mesh.apply({ routes: [{ reply: { status: 200 }, filters: ['mine'] }] })
    expect(retired).toEqual([])
    await app.mesh.apply({ routes: [{ reply: { status: 200 } }], filters: ['mine'] })
    expect(retired).toEqual([1])
    await app.close()
    expect(retired).toEqual([1, 2])
  })

  test('of a configuration that is refused is retired at once, and those in force are not', async () => {
    const { app } = mesh()
    const retired: number[] = []
    let made = 0
    app.mesh.provide('filter', 'mine', () => {
      const number = ++made
      return { name: 'mine', retire: () => void retired.push(number) }
    })
    await app.ready()
    await app.mesh.apply({ filters: ['mine'], routes: [{ reply: { status: 200 } }] })
    await expect(app.mesh.apply({ filters: ['mine', 'unheard-of'] })).rejects.toMatchObject({ code: 'MESH_UNKNOWN_NAME' })
    await expect(app.mesh.apply({ filters: ['mine'], routes: [{ to: 'nobody' }] })).rejects.toMatchObject({ code: 'MESH_UNKNOWN_SERVICE' })
    expect(retired).toEqual([2, 3])
  })
})
