// The filter as meshes run it: the module as it is, on the real host, with everything around it in the hands of the test.
import assert from 'node:assert/strict'
import test from 'node:test'
import { loadFilter } from '@meshwright/wasm/testing'

const module = new URL('../build/__name__.wasm', import.meta.url)
const configuration = { keys: { k1: 'ada', k2: 'grace' } }

test('a connection that begins with a known key passes, under the name of the customer', async () => {
  const filter = await loadFilter(module, { configuration })
  const connection = await filter.connection({ client: '10.1.2.3:50000' })
  await connection.clientSends('k1\r\nhello')
  assert.equal(connection.sent.text, 'ada\nhello')
  await connection.clientSends(' k3\n')
  await connection.endpointSends('welcome')
  assert.equal(connection.sent.text, 'ada\nhello k3\n')
  assert.equal(connection.received.text, 'welcome')
  assert.equal(connection.outcome, 'open')

  await connection.clientEnds()
  await connection.endpointEnds()
  assert.equal(filter.logs.at(-1)?.text, 'ada got 7 bytes')
})

test('a key may come in pieces', async () => {
  const filter = await loadFilter(module, { configuration })
  const connection = await filter.connection()
  await connection.clientSends('k')
  assert.equal(connection.pausedIn, 'downstream data')
  await connection.clientSends('2\n')
  assert.equal(connection.sent.text, 'grace\n')
})

test('a connection with a key that nobody has is closed', async () => {
  const filter = await loadFilter(module, { configuration })
  const connection = await filter.connection()
  await connection.clientSends('k3\nhello')
  assert.equal(connection.outcome, 'closed')
  assert.equal(connection.sent.text, '')
  assert.equal(filter.metrics['__metric___refused'], 1)
})

test('a key that does not end is not waited for', async () => {
  const filter = await loadFilter(module, { configuration: { ...configuration, maxBytes: 8 } })
  const connection = await filter.connection()
  await connection.clientSends(['k1', '.'.repeat(6)])
  assert.equal(connection.outcome, 'closed')
})

test('a configuration without keys is refused, and the log says why', async () => {
  await assert.rejects(loadFilter(module, { configuration: {} }), /keys/)
})
