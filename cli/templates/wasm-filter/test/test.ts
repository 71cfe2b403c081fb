// The filter as meshes run it: the module as it is, on the real host, with everything around it in the hands of the test.
import assert from 'node:assert/strict'
import test from 'node:test'
import { loadFilter } from '@meshwright/wasm/testing'

const module = new URL('../build/__name__.wasm', import.meta.url)
const configuration = { keys: { k1: 'ada', k2: 'grace' } }

test('a request with a known key passes, under the name of the customer', async () => {
  const filter = await loadFilter(module, { configuration })
  const stream = await filter.request({ path: '/orders', headers: { 'x-api-key': 'k1' } })
  assert.equal(stream.outcome, 'passed')
  assert.deepEqual(stream.sent.headers, { 'x-customer': 'ada' })

  await stream.response({ status: 200, body: 'hello' })
  assert.equal(stream.received.headers['x-served-for'], 'ada')
})

test('a request without a key is answered with 401', async () => {
  const filter = await loadFilter(module, { configuration })
  const stream = await filter.request({ path: '/orders' })
  assert.equal(stream.outcome, 'replied')
  assert.equal(stream.reply.status, 401)
  assert.equal(filter.metrics['__metric___refused'], 1)
})

test('a key that nobody has is as good as none', async () => {
  const filter = await loadFilter(module, { configuration })
  const stream = await filter.request({ headers: { 'x-api-key': 'k3' } })
  assert.equal(stream.reply.status, 401)
})

test('the key may be in another header', async () => {
  const filter = await loadFilter(module, { configuration: { ...configuration, header: 'x-key' } })
  const stream = await filter.request({ headers: { 'x-key': 'k2' } })
  assert.equal(stream.sent.headers['x-customer'], 'grace')
})

test('a configuration without keys is refused, and the log says why', async () => {
  await assert.rejects(loadFilter(module, { configuration: {} }), /keys/)
})
