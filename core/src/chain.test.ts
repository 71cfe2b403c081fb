// A chain asks its filters phase by phase, stays synchronous as long as they do, and lets nothing they throw escape.
import { describe, expect, test } from 'vitest'
import { Chain } from './chain.ts'
import type { MeshError } from './errors.ts'
import type { Filter } from './questions.ts'
import { reply } from './reply.ts'
import { exchange } from './unit.test.kit.ts'

const boom = (): never => {
  throw new Error('secret')
}

describe('a chain', () => {
  test('of filters without phases has none, and answers at once', () => {
    const chain = new Chain([{ name: 'empty' }])
    expect([chain.requestBody, chain.responseBody]).toEqual([undefined, undefined])
    expect([chain.requestHeaders(exchange()), chain.attempt(exchange()), chain.responseHeaders(exchange())]).toEqual([undefined, undefined, undefined])
  })

  test('stays synchronous as long as its filters do', () => {
    const order: string[] = []
    const chain = new Chain(['a', 'b', 'c'].map((name) => ({ name, onRequestHeaders: () => void order.push(name) })))
    expect(chain.requestHeaders(exchange())).toBeUndefined()
    expect(order).toEqual(['a', 'b', 'c'])
  })

  test('goes on where it was when an answer comes later', async () => {
    const order: string[] = []
    const chain = new Chain([
      { name: 'a', onRequestHeaders: async () => void order.push('a') },
      { name: 'b', onRequestHeaders: () => void order.push('b') },
      { name: 'c', onRequestHeaders: async () => void order.push('c') },
    ])
    const verdict = chain.requestHeaders(exchange())
    expect([verdict instanceof Promise, order]).toEqual([true, ['a']])
    expect(await verdict).toBeUndefined()
    expect(order).toEqual(['a', 'b', 'c'])
  })

  test.each([
    ['now', (): ReturnType<NonNullable<Filter['onAttempt']>> => reply(403)],
    ['later', async () => reply(403)],
  ])('ends with the first reply, given %s', async (_name, onAttempt) => {
    const chain = new Chain([{ name: 'a', onAttempt }, { name: 'b', onAttempt: boom }])
    expect(await chain.attempt(exchange())).toMatchObject({ status: 403 })
  })

  test.each([
    ['throws', boom],
    ['rejects', () => Promise.reject(new Error('secret'))],
  ])('ends where a filter %s, with an error that names it', async (_name, onResponseHeaders) => {
    const chain = new Chain([{ name: 'never', onResponseHeaders: boom }, { name: 'bad', onResponseHeaders }])
    const verdict = await chain.responseHeaders(exchange())
    expect(verdict).toMatchObject({ code: 'MESH_FILTER_FAILED', detail: 'filter "bad"' })
  })

  test('calls the methods of a filter as its own', () => {
    class Counting implements Filter {
      readonly name = 'counting'
      count = 0
      onRequestHeaders(): void {
        this.count++
      }
      onEnd(): void {
        this.count++
      }
    }
    const filter = new Counting()
    const chain = new Chain([filter])
    expect(chain.requestHeaders(exchange())).toBeUndefined()
    chain.end(exchange(), boom)
    expect(filter.count).toBe(2)
  })

  test('asks about requests in order, and about responses in reverse', () => {
    const body = (): undefined => undefined
    const chain = new Chain([{ name: 'a', onRequestBody: body, onResponseBody: body, bufferResponseBytes: 5 }, { name: 'b', onRequestBody: body, onResponseBody: body }])
    expect(chain.requestBody?.map((step) => step.filter)).toEqual(['a', 'b'])
    expect(chain.responseBody?.map((step) => [step.filter, step.bufferBytes])).toEqual([['b', 0], ['a', 5]])
  })

  test('tells every filter of the end, also those behind one that throws', () => {
    const failures: MeshError[] = []
    const ended: string[] = []
    const chain = new Chain([{ name: 'bad', onEnd: boom }, { name: 'good', onEnd: () => void ended.push('good') }])
    chain.end(exchange(), (error) => failures.push(error))
    expect([ended, failures.map((error) => error.detail)]).toEqual([['good'], ['filter "bad" in onEnd']])
  })

  test('leaves the list of filters it was made of alone', () => {
    const filters: Filter[] = [{ name: 'a' }, { name: 'b' }]
    new Chain(filters)
    expect(filters.map(({ name }) => name)).toEqual(['a', 'b'])
  })
})
