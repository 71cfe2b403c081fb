// What waits for another thread: in both directions at once, and each gets what is its own.
import { Buffer } from 'node:buffer'
import { Headers, MeshError, Response, TcpConnection } from '@meshwright/core'
import { expect, test } from 'vitest'
import { exchangeOf } from '../testing/test-stream.ts'
import { IsolatedConnection } from './isolated-connection.ts'
import { IsolatedExchange } from './isolated-exchange.ts'

/** @param woken the directions in which its filter is to be called */
function stream(error?: MeshError, woken: string[] = []): IsolatedExchange {
  const exchange = exchangeOf({ body: 'x' }, 1)
  exchange.response = new Response(200, '', new Headers())
  exchange.run = { front: 0, turn: 0, answerFrom: () => {}, wake: (_filter, of) => void woken.push(of) }
  return new IsolatedExchange({ name: 'isolated', start: { filter: 1 }, reroute: () => {} }, exchange, error)
}

test('the two directions of an exchange are asked about at the same time', async () => {
  const one = stream()
  const body = one.wait('requestBody', Buffer.from('chunk'))
  const head = one.wait('responseHeaders')
  one.settle({ stream: 1, of: 'response', kind: 'pass' })
  one.settle({ stream: 1, of: 'request', kind: 'bytes', bytes: Buffer.from('other') })
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

test('a thread that ends with bytes of a body has its filter called, and they leave with that call', async () => {
  const woken: string[] = []
  const one = stream(undefined, woken)
  const chunk = one.wait('responseBody', Buffer.from('kept'))
  one.settle({ stream: 1, of: 'response', kind: 'bytes', bytes: new Uint8Array(0), holds: true })
  expect((await chunk as Uint8Array).byteLength).toBe(0)
  one.lose()
  expect(woken).toEqual(['response'])
  expect(Buffer.from(one.without('responseBody', new Uint8Array(0))).toString()).toBe('kept')
  one.lose()
  expect(woken).toEqual(['response'])
})

test('what a guest lets go before it ends a connection goes before, and nothing afterwards', async () => {
  const seen: string[] = []
  const connection = new TcpConnection(exchangeOf({}, 1), { pass: () => void seen.push('passed'), close: () => void seen.push('closed') })
  const one = new IsolatedConnection({ name: 'isolated', start: { filter: 1 } }, connection, undefined)
  void one.wait('upstreamData', Buffer.from('answer')).then(() => seen.push('answer'))
  void one.wait('downstreamData', Buffer.from('bad')).then(() => seen.push('bad'))
  // All of it comes in one message.
  one.settle({ stream: 1, of: 'response', kind: 'same' })
  one.hear({ kind: 'closed', stream: 1 })
  one.hear({ kind: 'passed', stream: 1, of: 'request', bytes: Buffer.from('worse') })
  one.settle({ stream: 1, of: 'request', kind: 'same' })
  await new Promise(setImmediate)
  expect(seen).toEqual(['answer', 'closed'])
})
