// The module as it is shipped, on the real host.
import { loadFilter, type TestFilter } from '@meshwright/wasm/testing'
import { expect, test } from 'vitest'
import { module, type HeaderRewriteConfiguration } from './index.ts'

const load = async (configuration: HeaderRewriteConfiguration): Promise<TestFilter> => loadFilter(module, { configuration })

test('fields of requests are removed, set and appended, in that order', async () => {
  const filter = await load({ request: { remove: ['x-gone', 'x-new'], set: { 'x-new': 'a', 'x-set': 'b' }, append: { 'x-set': 'c', 'x-list': 'two' } } })
  const { sent } = await filter.request({ headers: { 'x-gone': '1', 'x-new': '2', 'x-set': ['3', '4'], 'x-list': 'one' } })
  expect(sent.headers).toEqual({ 'x-new': 'a', 'x-set': 'b, c', 'x-list': 'one, two' })
})

test('values are made of what the request is', async () => {
  const filter = await load({ request: { set: { 'x-all': '{method} {path} {pathname} {query} {authority} {scheme} {id} {client} {{x}} {header:X-A} {cookie:c} {query:q}' } } })
  const { sent } = await filter.request({ method: 'POST', path: '/p?q=1%202', authority: 'shop.example', scheme: 'https', id: 'id-7', clientAddress: '192.0.2.7', headers: { 'x-a': 'A', cookie: 'c=C' } })
  expect(sent.headers['x-all']).toBe('POST /p?q=1%202 /p q=1%202 shop.example https id-7 192.0.2.7 {x} A C 1 2')
})

test('fields of responses may be made of the request and of the response', async () => {
  const filter = await load({ request: { remove: ['x-a'] }, response: { set: { 'x-told': '{header:x-a} {status} {response:x-b}' }, remove: ['x-b'] } })
  const stream = await filter.request({ headers: { 'x-a': 'was here' } })
  await stream.response({ status: 404, headers: { 'x-b': 'B' } })
  expect(stream.sent.headers).toEqual({})
  expect(stream.received.headers).toEqual({ 'x-told': 'was here 404 B' })
})

test('a field whose variables are all empty is removed, so that a client cannot set it', async () => {
  const filter = await load({ request: { set: { 'x-user': '{cookie:user}' }, append: { 'x-more': '{cookie:user}' } } })
  expect((await filter.request({ headers: { 'x-user': 'root' } })).sent.headers).toEqual({})
  expect((await filter.request({ headers: { 'x-user': 'root', cookie: 'user=ada' } })).sent.headers).toMatchObject({ 'x-user': 'ada', 'x-more': 'ada' })
})

test('what a query brings cannot begin a field of its own', async () => {
  const filter = await load({ request: { set: { 'x-q': '{query:q}' } } })
  expect((await filter.request({ path: '/?q=a%0d%0ax-evil:%201' })).sent.headers).toEqual({ 'x-q': 'ax-evil: 1' })
})

test('a response that comes before the request was seen is rewritten all the same', async () => {
  const filter = await load({ response: { set: { 'x-path': '{path}' } } })
  const stream = await filter.request({ path: '/a' })
  await stream.response()
  expect(stream.received.headers).toEqual({ 'x-path': '/a' })
})

test.each([
  [{ request: { set: { 'x-a': '{nothing}' } } }, 'there is no variable {nothing}'],
  [{ request: { set: { 'x-a': '{path' } } }, 'has a brace that nothing closes'],
  [{ request: { set: { 'x-a': '{status}' } } }, '{status} is not known while the request is on its way'],
  [{ request: { set: { 'transfer-encoding': 'chunked' } } }, '"transfer-encoding" is no header field that can be changed'],
  [{ response: { remove: ['a b'] } }, '"a b" is no header field'],
  [{ request: { set: { 'x-a': 'a\r\nb: c' } } }, 'control character'],
])('a configuration that cannot be meant is refused: %o', async (configuration, why) => {
  await expect(loadFilter(module, { configuration })).rejects.toThrow(why)
})
