// The reviews: what readers said. Three of these run, of which one is slow and one fails on purpose.
import { setTimeout as wait } from 'node:timers/promises'
import fastify, { type FastifyInstance } from 'fastify'
import { reviews as all } from '../data.ts'

export interface ReviewsOptions {
  /** What `x-reviews` says in every response. */
  readonly name: string
  /** How long each answer takes, in milliseconds. */
  readonly delayMs: number
  /** Of every 20 requests so many are answered 503, one after the other. */
  readonly failing: number
}

export function reviews({ name, delayMs, failing }: ReviewsOptions): FastifyInstance {
  const app = fastify()
  let requests = 0
  app.addHook('onSend', async (_request, reply) => void reply.header('x-reviews', name))
  app.get('/healthz', async () => 'well')
  app.get<{ Params: { isbn: string } }>('/reviews/:isbn', async (request, reply) => {
    const number = ++requests
    await wait(delayMs)
    if (number % 20 >= 20 - failing) return reply.code(503).send({ error: 'the reviews are being counted' })
    return all.filter((review) => review.isbn === request.params.isbn)
  })
  return app
}
