import { Endpoint, type Exchange, Headers } from '@meshwright/core'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createApp } from './app.ts'
import { byUser } from './by-user.ts'

const users = Array.from({ length: 3000 }, (_, i) => `user-${i}`)
let app: FastifyInstance
let url: string

beforeAll(async () => {
  app = await createApp()
  url = await app.listen({ host: '127.0.0.1', port: 0 })
})

afterAll(async () => app.close())

async function deskOf(user: string): Promise<string> {
  const response = await fetch(url, { headers: { 'x-user': user } })
  return ((await response.json()) as { desk: string }).desk
}

it('a user meets the same endpoint every time', async () => {
  const desks = await Promise.all(users.slice(0, 20).map(async (user) => new Set([await deskOf(user), await deskOf(user), await deskOf(user)]).size))
  expect(desks).toEqual(Array.from({ length: 20 }, () => 1))
})

it('different users meet different endpoints', async () => {
  expect(new Set(await Promise.all(users.slice(0, 40).map(deskOf)))).toEqual(new Set(['north', 'east', 'south']))
})

it('the users are spread evenly', () => {
  const counts = Map.groupBy(users.map((user) => pick(three, user)), (id) => id)
  for (const all of counts.values()) expect(all.length).toBeGreaterThan(900)
  expect(counts.size).toBe(3)
})

it('when an endpoint goes, only its own users move', () => {
  const moved = users.filter((user) => pick(three, user) !== pick(three.slice(0, 2), user))
  expect(moved).toEqual(users.filter((user) => pick(three, user) === 'south'))
})

const three = ['north', 'east', 'south'].map((id) => new Endpoint({ id, host: '127.0.0.1', port: 80 }))

function pick(endpoints: readonly Endpoint[], user: string): string {
  const exchange = { request: { headers: Headers.from({ 'x-user': user }) } } as Exchange
  return byUser().pick(endpoints, exchange).id
}
