// Which exchanges are logged, what the options refuse, and that the filter works inside a mesh.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { createMesh, Exchange, Headers, MeshError, Request, Response } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import plugin, { accessLog, type AccessLogOptions, type AccessLogParts } from './index.ts'

function ended(status: number, error?: MeshError): Exchange {
  const request = new Request({
    method: 'GET', path: '/', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', headers: new Headers(), version: '1.1',
    peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: 'r', upgrade: undefined, expectContinue: false,
  })
  const exchange = new Exchange(request, undefined, undefined, 'public', 1)
  exchange.response = new Response(status, '', new Headers())
  exchange.error = error
  exchange.endedMs = 2
  return exchange
}

async function logged(options: AccessLogOptions, parts: AccessLogParts, exchanges: readonly Exchange[]): Promise<{ level: number; status: number }[]> {
  const stream = new PassThrough()
  const log = accessLog({ ...options, destination: stream }, parts)
  for (const exchange of exchanges) log.onEnd?.(exchange)
  await log.close()
  return ((stream.read() as Buffer | null)?.toString() ?? '').split('\n').slice(0, -1).map((line) => JSON.parse(line) as { level: number; status: number })
}

describe('sampling', () => {
  test('a share of the exchanges is logged', async () => {
    let n = 0
    const random = (): number => (n++ % 10) / 10
    const lines = await logged({ sample: 0.3 }, { random }, Array.from({ length: 100 }, () => ended(200)))
    expect(lines).toHaveLength(30)
  })

  test('errors and statuses of 500 and more are logged whatever the sample', async () => {
    const lines = await logged({ sample: 0 }, {}, [ended(200), ended(500), ended(404), ended(200, new MeshError('MESH_CLIENT_CLOSED')), ended(503, new MeshError('MESH_NO_ENDPOINT'))])
    expect(lines.map(({ status }) => status)).toEqual([500, 200, 503])
  })
})

test("lines carry pino's number of the level", async () => {
  expect(await logged({ level: 'debug' }, {}, [ended(200)])).toMatchObject([{ level: 20 }])
})

test('the exchange may change after its end without changing its line', async () => {
  const exchange = ended(200)
  const stream = new PassThrough()
  const log = accessLog({ destination: stream })
  log.onEnd?.(exchange)
  exchange.response = new Response(500, '', new Headers())
  await log.close()
  expect(JSON.parse(String(stream.read()))).toMatchObject({ status: 200 })
})

test.each([{ sample: 1.1 }, { sample: Number.NaN }, { bufferRecords: 0 }, { flushMs: 0 }, { flushMs: 1e9 }])('%j is refused', (options) => {
  expect(() => accessLog(options)).toThrow(RangeError)
})

test('an unknown level is refused', () => {
  expect(() => accessLog({ level: 'loud' as 'info' })).toThrow(TypeError)
})

describe('in a mesh', () => {
  test('by name it writes a line per exchange, all of them by the time the mesh has closed', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'access-log-'))
    const file = path.join(folder, 'access.log')
    const upstream = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const app = createMesh()
    await app.register(plugin)
    await app.mesh.service('users', { endpoints: [`127.0.0.1:${(upstream.address() as AddressInfo).port}`] })
    app.mesh.route('/users/*', 'users', { filters: [{ 'access-log': { destination: file, add: ['userAgent'] } }] })
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    for (let i = 0; i < 3; i++) await (await fetch(`${url}/users/${i}?q=1`, { headers: { 'user-agent': 'test' } })).text()
    await app.close()
    upstream.close()
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as object)
    rmSync(folder, { recursive: true })
    expect(lines).toMatchObject([0, 1, 2].map((i) => ({ level: 30, service: 'users', method: 'GET', path: `/users/${i}`, status: 200, flag: '-', attempts: 1, responseBytes: 5, userAgent: 'test' })))
  })

  test('an option that is none is refused with its name', async () => {
    const app = createMesh()
    await app.register(plugin)
    expect(() => app.mesh.filter({ 'access-log': { sampel: 1, level: 'loud' } })).toThrow(/"access-log".*(level.*sampel|sampel.*level)/)
    await app.close()
  })
})
