// The SDK's classes, compiled for real and run on the real host in a real mesh.
import { expect, test } from 'vitest'
import { compiled, meshWith } from './index.ts'

const base = `import { Action, HttpFilter, log } from '@meshwright/filter-sdk'\n`

test('a filter reads, sets, appends and removes header fields', async () => {
  const module = await compiled(`${base}
@filter export class A extends HttpFilter {
  onRequestHeaders(end: bool): Action {
    const h = this.request.headers
    const found = h.get('X-In')
    h.set('x-out', found == null ? 'none' : found)
    h.append('x-list', 'two')
    h.set('x-all', h.getAll('x-list').join('|'))
    h.set('x-has', h.has('x-in').toString() + h.has('x-none').toString())
    h.set('x-none-is-null', (h.get('x-none') == null).toString() + (h.get('x-empty') == null).toString())
    h.delete('x-gone')
    h.set('x-line', this.request.method + ' ' + this.request.path + ' ' + this.request.authority)
    return Action.Continue
  }
  onResponseHeaders(end: bool): Action {
    this.response.headers.set('x-status', this.response.status.toString())
    this.response.status = 201
    return Action.Continue
  }
}`)
  const { ask, seen } = await meshWith({ module })
  const answer = await ask({ path: '/a?b', headers: { host: 'shop.example', 'x-in': 'gr\u00fc\u00df', 'x-list': 'one', 'x-gone': '1', 'x-empty': '' } })
  expect(seen[0]?.headers).toMatchObject({ 'x-list': 'one, two', 'x-all': 'one|two', 'x-has': 'truefalse', 'x-none-is-null': 'truefalse', 'x-line': 'GET /a?b shop.example' })
  expect(seen[0]?.headers).not.toHaveProperty('x-gone')
  expect(answer).toMatchObject({ status: 201, headers: { 'x-status': '200' }, body: 'GET /a?b' })
})
