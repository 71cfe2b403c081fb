// Good filters keep all promises; for each promise there is one that breaks it.
import { describe, test } from 'vitest'
import type { Exchange } from '../exchange.ts'
import type { Filter } from '../questions.ts'
import { reply } from '../reply.ts'
import { everyPromiseCanBreak } from './broken.test.kit.ts'
import { filterPromises, testFilter } from './filter.ts'

describe('a filter without a phase', () => {
  testFilter(() => ({ name: 'nothing' }), { test })
})

describe('a filter in all phases', () => {
  testFilter(everywhere, { test })
})

describe('a filter that asks somebody', () => {
  testFilter(() => ({ name: 'asking', onRequestHeaders: async ({ request }) => (request.headers.has('authorization') ? reply(403, 'no') : undefined) }), { test, async: ['onRequestHeaders'] })
})

describe('a filter that refuses bodies', () => {
  testFilter(() => ({ name: 'refusing', bufferRequestBytes: 1_000, onRequestBody: (_exchange, chunk) => (chunk.byteLength > 10 ? reply(413) : undefined) }), { test, requests: [{ method: 'PUT', body: 'a long body' }] })
})

function everywhere(): Filter {
  const seen = new WeakMap<Exchange, number>()
  return {
    name: 'everywhere',
    bufferResponseBytes: 100_000,
    onRequestHeaders: ({ request }) => void request.headers.set('x-seen', '1'),
    onRequestBody: (exchange, chunk) => void seen.set(exchange, (seen.get(exchange) ?? 0) + chunk.byteLength),
    onAttempt: ({ request, attempt }) => void request.headers.set('x-attempt', String(attempt)),
    onResponseHeaders: (exchange) => void exchange.response?.headers.append('x-bytes', String(seen.get(exchange) ?? 0)),
    onResponseBody: (_exchange, chunk, last) => (last ? new Uint8Array([...chunk, 10]) : undefined),
    onEnd: (exchange) => void seen.delete(exchange),
    retire: () => {},
  }
}

function but(wrong: Partial<Record<keyof Filter, unknown>>): () => Filter {
  return () => ({ ...everywhere(), ...wrong }) as Filter
}

const onRequest = (change: (exchange: Exchange) => unknown) => but({ onRequestHeaders: change })
const set = (name: string, value: string) => onRequest(({ request }) => void request.headers.set(name, value))

everyPromiseCanBreak(filterPromises, {
  'filter/1': [but({ name: undefined }), but({ name: ' ' }), but({ name: 7 }), but({ name: 'x'.repeat(101) })],
  'filter/2': [
    onRequest(() => true),
    but({ onAttempt: () => ({ status: 100, body: 'no' }) }),
    but({ onResponseHeaders: ({ response }: Exchange) => response }),
    onRequest(({ request }) => decodeURIComponent(request.headers.get('cookie')!.slice(1)) && undefined),
    onRequest(({ request }) => void new URL(request.path).pathname),
    but({ onResponseHeaders: async () => Promise.reject(new Error('late')) }),
  ],
  'filter/3': [onRequest(async () => {}), but({ onResponseBody: async () => {} }), but({ onResponseHeaders: ({ response }: Exchange) => (response?.status === 404 ? Promise.resolve() : undefined) })],
  'filter/4': [
    but({ onRequestBody: () => 'text' }),
    but({ onResponseBody: (_exchange: Exchange, chunk: Uint8Array) => chunk.buffer }),
    but({ onResponseBody: () => reply(200) }),
    but({ onRequestBody: (_exchange: Exchange, chunk: Uint8Array, last: boolean) => void (last && JSON.parse(new TextDecoder().decode(chunk))) }),
  ],
  'filter/5': [onRequest(() => reply(200, '', { 'x-a': 'a\r\nset-cookie: b' })), onRequest(() => reply(200, '', { 'x a': 'a' })), onRequest(() => reply(200, '', { connection: 'close' })), onRequest(() => reply(200, '', { 'x-a': '…' }))],
  'filter/6': [
    set('host', 'other.example'),
    set('content-length', '5'),
    set('transfer-encoding', 'chunked'),
    set('x-a', 'a\nb'),
    set('x:a', 'a'),
    set('x-a', 7 as never),
    set('connection', 'close'),
    onRequest(({ request }) => void (request.path += '?a=b')),
    onRequest(({ request }) => void (request.path = 'http://other.example/')),
    onRequest(({ request }) => void (request.path = decodeURIComponent(request.path))),
    onRequest(({ request }) => void (request.query = 'a b')),
    onRequest(({ request }) => void (request.authority = '')),
    onRequest(({ request }) => void (request.method = 'GET /')),
  ],
  'filter/7': [
    but({ onResponseHeaders: ({ response }: Exchange) => void (response!.status = 99) }),
    but({ onResponseHeaders: ({ response }: Exchange) => void response!.headers.append('keep-alive', 'timeout=5') }),
    but({ onResponseHeaders: ({ response }: Exchange) => void response!.headers.append('x-a', '\0') }),
  ],
  'filter/8': [
    but({ onEnd: ({ response }: Exchange) => void response!.status.toFixed() }),
    but({ onEnd: ({ endpoint }: Exchange) => void endpoint!.id.length }),
    but({ onEnd: ({ request }: Exchange) => void request.headers.delete('x-a') }),
    but({ onEnd: async () => {} }),
    but({ onEnd: (exchange: Exchange) => void (exchange.error = undefined) }),
  ],
  'filter/9': [
    but({ onEnd: ({ response }: Exchange) => void setTimeout(() => response?.headers.append('x-late', '1'), 5) }),
    onRequest((exchange) => void setTimeout(() => exchange.request.headers.set('x-late', '1'), 5)),
  ],
  'filter/10': () => {
    let current: Exchange | undefined
    return { name: 'forgetful', onRequestHeaders: (exchange) => void (current = exchange), onResponseHeaders: () => void current?.response?.headers.append('x-seen', '1') }
  },
  'filter/11': but({ onAttempt: ({ request }: Exchange) => void request.headers.append('x-attempt', '1') }),
  'filter/12': [but({ bufferRequestBytes: 0 }), but({ bufferResponseBytes: 1.5 }), () => ({ name: 'holding', bufferRequestBytes: 10 })],
  'filter/13': [
    () => {
      let open: Map<Exchange, string> | undefined = new Map()
      return { name: 'hasty', onRequestHeaders: (exchange) => void open?.set(exchange, '1'), onResponseHeaders: (exchange) => void open!.get(exchange), retire: () => void (open = undefined) }
    },
    () => {
      let open = true
      return { name: 'closing', onAttempt: () => (open ? undefined : reply(503)), retire: () => void (open = false) }
    },
  ],
})
