// The catalog: which books there are. Version 2 also says what they cost.
import fastify, { type FastifyInstance } from 'fastify'
import { books, type Book } from '../data.ts'

export type CatalogVersion = 'v1' | 'v2'

/** Every response says in `x-catalog` which version made it. */
export function catalog(version: CatalogVersion): FastifyInstance {
  const app = fastify()
  app.addHook('onSend', async (_request, reply) => void reply.header('x-catalog', version))
  app.get('/books', async () => books.map((book) => shown(book, version)))
  app.get<{ Params: { isbn: string } }>('/books/:isbn', async (request, reply) => {
    const book = books.find((one) => one.isbn === request.params.isbn)
    if (book === undefined) return reply.code(404).send({ error: 'no such book' })
    return shown(book, version)
  })
  return app
}

function shown(book: Book, version: CatalogVersion): object {
  const { cents, ...rest } = book
  return version === 'v1' ? rest : { ...rest, price: `${(cents / 100).toFixed(2)} EUR` }
}
