// The reviews: what readers said. Three of these run, of which one is slow and one fails on purpose.
import { setTimeout as wait } from 'node:timers/promises'
import fastify, { type FastifyInstance } from 'fastify'
import { reviews as all } from '../data.ts'

export interface ReviewsOptions {
  /** What `x-reviews` says in every response. */
  readonly name: string
  /** How long each answer takes, in milliseconds. */
  readonly delayMs: number
  /** Every so many requests one is answered 503; 0: none. */
  readonly failEvery: number
}

export function reviews({ name, delayMs, failEvery }: ReviewsOptions): FastifyInstance {
  const app = fastify()
  let requests = 0
  app.addHook('onSend', async (_request, reply) => void reply.header('x-reviews', name))
  app.get<{ Params: { isbn: string } }>('/reviews/:isbn', async (request, reply) => {
    const number = ++requests
    await wait(delayMs)
    if (failEvery > 0 && number % failEvery === 0) return reply.code(503).send({ error: 'the reviews are being counted' })
    return all.filter((review) => review.isbn === request.params.isbn)
  })
  return app
}
