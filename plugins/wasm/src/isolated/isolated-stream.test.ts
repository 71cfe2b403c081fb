// What waits for another thread: in both directions at once, and each gets what is its own.
import { Buffer } from 'node:buffer'
import { Headers, MeshError, Response } from '@meshwright/core'
import { expect, test } from 'vitest'
import { exchangeOf } from '../testing/test-stream.ts'
import { IsolatedStream } from './isolated-stream.ts'

function stream(error?: MeshError): IsolatedStream {
  const exchange = exchangeOf({ body: 'x' }, 1)
  exchange.response = new Response(200, '', new Headers())
  return new IsolatedStream(1, { start: { filter: 1 } }, exchange, error)
}

const reroute = (): void => {}

test('the two directions of an exchange are asked about at the same time', async () => {
  const one = stream()
  const body = one.wait('requestBody', Buffer.from('chunk'))
  const head = one.wait('responseHeaders')
  one.settle({ stream: 1, of: 'response', kind: 'pass' }, reroute)
  one.settle({ stream: 1, of: 'request', kind: 'bytes', bytes: Buffer.from('other') }, reroute)
  expect([await head, Buffer.from((await body) as Uint8Array).toString()]).toEqual([undefined, 'other'])
})

test('a thread that ends fails both of them', async () => {
  const one = stream(new MeshError('MESH_WASM_FAILED'))
  const both = [one.wait('requestBody', Buffer.from('chunk')), one.wait('responseHeaders')]
  one.lose()
  expect((await Promise.allSettled(both)).map((settled) => settled.status === 'rejected' && (settled.reason as MeshError).code)).toEqual(['MESH_WASM_FAILED', 'MESH_WASM_FAILED'])
})

test('a thread that ends lets both of them go on, where the filter may be left out', async () => {
  const one = stream()
  const both = [one.wait('requestBody', Buffer.from('chunk')), one.wait('responseHeaders')]
  one.lose()
  const [chunk, head] = await Promise.all(both)
  expect([Buffer.from(chunk as Uint8Array).toString(), head]).toEqual(['chunk', undefined])
})

test('a thread that ends with bytes of a body says so, and they leave with the next call', async () => {
  const one = stream()
  const chunk = one.wait('responseBody', Buffer.from('kept'))
  one.settle({ stream: 1, of: 'response', kind: 'bytes', bytes: new Uint8Array(0), holds: true }, reroute)
  expect((await chunk as Uint8Array).byteLength).toBe(0)
  expect(one.lose()).toEqual(['response'])
  expect(Buffer.from(one.without('responseBody', new Uint8Array(0))).toString()).toBe('kept')
  expect(one.lose()).toEqual([])
})
