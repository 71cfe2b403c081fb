// The front: the page a reader sees. It asks the catalog and the reviews through the mesh, as every service here would.
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Book, Review } from '../data.ts'

/** @param mesh tells where the mesh listens, as `http://host:port` */
export function front(mesh: () => Promise<string>): FastifyInstance {
  const app = fastify()
  app.get('/', async (request, reply) => {
    const books = await ask<Book[]>(request, '/catalog/books')
    const items = await Promise.all(books.map(async (book) => item(book, await stars(request, book.isbn))))
    return reply.type('text/html; charset=utf-8').send(page(items))
  })
  return app

  /** A book without its stars is still a book. */
  async function stars(request: FastifyRequest, isbn: string): Promise<string> {
    try {
      const given = await ask<Review[]>(request, `/reviews/${isbn}`)
      return given.length === 0 ? 'no reviews' : `${(given.reduce((sum, one) => sum + one.stars, 0) / given.length).toFixed(1)} of 5`
    } catch (error) {
      request.log.warn(error)
      return 'reviews are away'
    }
  }

  /** Carries the request id on, so that one reader's request is one id in every access log. */
  async function ask<T>(request: FastifyRequest, path: string): Promise<T> {
    const response = await fetch(`${await mesh()}${path}`, { headers: { 'x-request-id': String(request.headers['x-request-id']) } })
    if (!response.ok) throw new Error(`${path} answered ${response.status}`)
    return (await response.json()) as T
  }
}

function item(book: Book, stars: string): string {
  return `<li><a href="/catalog/books/${book.isbn}">${book.title}</a>, ${book.author}, ${book.year} (${stars})</li>`
}

function page(items: string[]): string {
  return `<!doctype html><title>Bookshop</title><h1>Bookshop</h1><ul>\n${items.join('\n')}\n</ul>\n`
}
