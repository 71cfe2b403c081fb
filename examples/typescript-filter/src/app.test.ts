import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApp } from './app.ts'

const used: string[] = []
let app: FastifyInstance
let url: string

beforeAll(async () => {
  app = await createApp((customer, status) => used.push(`${customer} ${status}`))
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})

afterAll(async () => app.close())

it.each(['/by-value/', '/by-name/'])('%s answers 401 without a key and with a wrong one', async (path) => {
  const without = await fetch(url + path)
  expect(without.status).toBe(401)
  expect(without.headers.get('www-authenticate')).toBe('ApiKey')
  expect((await fetch(url + path, { headers: { 'x-api-key': 'k9' } })).status).toBe(401)
})

it.each(['/by-value/', '/by-name/'])('%s tells the endpoint the customer and not the key', async (path) => {
  const response = await fetch(url + path, { headers: { 'x-api-key': 'k2', 'x-customer': 'somebody else' } })
  expect(await response.json()).toEqual({ hello: 'grace', key: null })
})

it('a finished request is told with its customer, a refused one is not', async () => {
  used.length = 0
  await (await fetch(`${url}/by-value/`)).text()
  await (await fetch(`${url}/by-value/`, { headers: { 'x-api-key': 'k1' } })).text()
  await expect.poll(() => used).toEqual(['ada 200'])
})
