// Replies: what a filter answers instead of an endpoint.
import { describe, expect, test } from 'vitest'
import { Headers } from './headers.ts'
import { reply } from './reply.ts'

describe('a reply', () => {
  test('with a text is UTF-8 and says so', () => {
    const { status, body, headers } = reply(403, 'zu spät')
    expect([status, new TextDecoder().decode(body), headers.get('Content-Type')]).toEqual([403, 'zu spät', 'text/plain; charset=utf-8'])
  })

  test('keeps a content type of its own', () => {
    expect([...reply(200, '{}', { 'Content-Type': 'application/json' }).headers]).toEqual([['Content-Type', 'application/json']])
  })

  test('with bytes says nothing of their type, and without a body is empty', () => {
    expect(reply(200, new Uint8Array([1])).headers.size).toBe(0)
    expect(reply(204).body.byteLength).toBe(0)
  })

  test('takes several values of one name', () => {
    expect(reply(200, undefined, { 'set-cookie': ['a=1', 'b=2'] }).headers.getAll('set-cookie')).toEqual(['a=1', 'b=2'])
    expect(reply(200).headers).toBeInstanceOf(Headers)
  })

  test.each([100, 101, 199, 600, 0, -1, 200.5, Number.NaN, Infinity, '200' as unknown as number])('cannot have the status %s', (status) => {
    expect(() => reply(status)).toThrow(RangeError)
  })

  test.each([200, 404, 599])('may have the status %i', (status) => {
    expect(reply(status).status).toBe(status)
  })
})
