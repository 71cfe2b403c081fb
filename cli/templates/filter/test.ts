// Keeps what every filter promises, and what this one does besides.
import assert from 'node:assert/strict'
import test from 'node:test'
import { exchange, runFilter, testFilter } from '@meshwright/core/testing'
import { __camel__ } from './__name__.ts'

testFilter(() => __camel__({ header: 'x-seen' }), { test })

test('every response gets the field', async () => {
  const one = exchange({ path: '/things' })
  await runFilter(__camel__({ header: 'x-seen', value: 'here' }), one, { response: { status: 404 } })
  assert.equal(one.response?.headers.get('X-Seen'), 'here')
})

test('a field that the endpoint has sent is replaced', async () => {
  const one = exchange()
  await runFilter(__camel__({ header: 'x-seen' }), one, { response: { status: 200, responseHeaders: { 'X-Seen': ['a', 'b'] } } })
  assert.deepEqual(one.response?.headers.getAll('x-seen'), ['yes'])
})

test('a name that no header can have is refused at once', () => {
  assert.throws(() => __camel__({ header: 'x seen' }), TypeError)
})
