// The module as it is shipped, on the real host.
import { loadFilter, type TestFilter, type TestRequest } from '@meshwright/wasm/testing'
import { expect, test } from 'vitest'
import { module, type RequestGuardConfiguration } from './index.ts'

const load = async (configuration: RequestGuardConfiguration): Promise<TestFilter> => loadFilter(module, { configuration })

async function reasonOf(filter: TestFilter, request: TestRequest): Promise<string> {
  const stream = await filter.request(request)
  return stream.outcome === 'passed' ? 'passed' : `${stream.reply.status} ${stream.reply.headers['x-guard-reason']}`
}

test.each<[TestRequest, string]>([
  [{}, 'passed'],
  [{ method: 'TRACE' }, '405 method'],
  [{ path: '/admin/users' }, '403 path'],
  [{ path: '/Admin/users' }, '403 path'],
  [{ path: '/%61dmin/users' }, '403 path'],
  [{ path: '/%2561dmin/users' }, '403 path'],
  [{ path: '//admin//users' }, '403 path'],
  [{ path: '/a/../admin/./users' }, '403 path'],
  [{ path: '/a/..;x=1/admin/users' }, '403 path'],
  [{ path: '/a\\..\\admin\\users' }, '403 path'],
  [{ path: '/shop?x=/admin/users' }, 'passed'],
  [{ path: '/shop/.git/config' }, '403 path'],
  [{ path: `/${'a'.repeat(100)}` }, '414 path-too-long'],
  [{ headers: { 'user-agent': 'my SQLMap 1.0' } }, '403 header'],
  [{ headers: { 'user-agent': ['good', 'sqlmap'] } }, '403 header'],
  [{ headers: { a: 'v'.repeat(400) } }, '431 headers-too-large'],
  [{ headers: Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`h${i}`, '1'])) }, '431 headers-too-large'],
  [{ method: 'POST', body: 'b'.repeat(11), headers: { 'content-length': '11' } }, '413 body-too-large'],
  [{ method: 'POST', body: ['bbbbbb', 'bbbb'] }, 'passed'],
  [{ method: 'POST', body: ['bbbbbb', 'bbbbb'] }, '413 body-too-large'],
])('%o: %s', async (request, expected) => {
  const filter = await load({ methods: ['GET', 'POST'], denyPaths: ['/admin/*', '*/.git/*'], denyHeaders: { 'user-agent': ['*sqlmap*'] }, maxPathBytes: 100, maxHeaders: 20, maxHeaderBytes: 400, maxBodyBytes: 10 })
  expect(await reasonOf(filter, request)).toBe(expected)
})

test('only what is allowed passes, and only with what must be there', async () => {
  const filter = await load({ allowPaths: ['/api/*', '/health'], requireHeaders: ['x-request-id'] })
  const headers = { 'x-request-id': '1' }
  expect([await reasonOf(filter, { path: '/api/a', headers }), await reasonOf(filter, { path: '/health?x', headers }), await reasonOf(filter, { path: '/other', headers }), await reasonOf(filter, { path: '/api/../other', headers }), await reasonOf(filter, { path: '/api/a' })]).toEqual(['passed', 'passed', '403 path', '403 path', '400 header-missing'])
})

test('in the shadow all pass, and the counters say what would not have', async () => {
  const filter = await load({ methods: ['GET'], shadow: true })
  expect(await reasonOf(filter, { method: 'PUT' })).toBe('passed')
  expect(filter.metrics).toMatchObject({ request_guard_method: 1 })
  expect(filter.logs.at(-1)).toEqual({ level: 'info', text: 'would refuse a request: method' })
})

test('what it leaves out is not limited, but for what is always too much', async () => {
  const filter = await load({})
  expect(await reasonOf(filter, { method: 'BREW', path: '/a' })).toBe('passed')
  expect(await reasonOf(filter, { path: `/${'a'.repeat(9_000)}` })).toBe('414 path-too-long')
})

test('names that are none are refused', async () => {
  await expect(loadFilter(module, { configuration: { denyHeaders: { 'a b': [] } } })).rejects.toThrow('"a b" is no name of a header field')
})
