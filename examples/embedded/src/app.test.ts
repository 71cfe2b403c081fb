import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApp, createLegacy } from './app.ts'

let legacy: FastifyInstance
let app: FastifyInstance
let url: string

beforeAll(async () => {
  legacy = createLegacy()
  await legacy.listen({ host: '127.0.0.1', port: 0 })
  app = await createApp([`127.0.0.1:${(legacy.server.address() as AddressInfo).port}`])
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})

afterAll(async () => {
  await app.close()
  await legacy.close()
})

it('answers its own routes as any Fastify app does', async () => {
  expect(await (await fetch(`${url}/hello`)).json()).toEqual({ hello: 'from the new app' })
})

it('passes the rest on to the older app', async () => {
  const response = await fetch(`${url}/legacy/invoices?year=2026`)
  expect(await response.json()).toMatchObject({ path: '/legacy/invoices?year=2026', via: expect.any(String) })
  expect(response.headers.has('cache-control')).toBe(false)
})

it('applies the filters of a scope to the routes of that scope', async () => {
  const response = await fetch(`${url}/reports/2026`)
  expect(await response.json()).toMatchObject({ path: '/reports/2026' })
  expect(response.headers.get('cache-control')).toBe('no-store')
})

it('leaves what nobody has a route for to Fastify', async () => {
  const response = await fetch(`${url}/nowhere`)
  expect(response.status).toBe(404)
  expect(await response.json()).toMatchObject({ error: 'Not Found' })
})
