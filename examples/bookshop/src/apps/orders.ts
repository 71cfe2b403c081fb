// The orders: takes one, remembers it, and tells it again.
import fastify, { type FastifyInstance } from 'fastify'
import { books } from '../data.ts'

interface Order {
  readonly id: number
  readonly isbn: string
  readonly quantity: number
}

const maxOrders = 1000
const body = {
  type: 'object',
  required: ['isbn', 'quantity'],
  additionalProperties: false,
  properties: { isbn: { type: 'string' }, quantity: { type: 'integer', minimum: 1, maximum: 99 } },
}

/** Remembers the last 1000 orders. */
export function orders(): FastifyInstance {
  const app = fastify()
  const taken = new Map<number, Order>()
  let lastId = 0

  app.post<{ Body: Omit<Order, 'id'> }>('/orders', { schema: { body } }, async (request, reply) => {
    const { isbn, quantity } = request.body
    if (!books.some((book) => book.isbn === isbn)) return reply.code(422).send({ error: 'no such book' })
    const order = { id: ++lastId, isbn, quantity }
    taken.set(order.id, order)
    taken.delete(order.id - maxOrders)
    return reply.code(201).header('location', `/orders/${order.id}`).send(order)
  })
  app.get<{ Params: { id: string } }>('/orders/:id', async (request, reply) => {
    return taken.get(Number(request.params.id)) ?? reply.code(404).send({ error: 'no such order' })
  })
  return app
}
