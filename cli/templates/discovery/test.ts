// Keeps what every discovery promises: a list that changes, and a server that fails.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { after } from 'node:test'
import { testDiscovery } from '@meshwright/core/testing'
import { __camel__ } from './__name__.ts'

let answer: unknown
const server = createServer((_request, response) => response.end(JSON.stringify(answer)))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
after(() => {
  server.close()
  server.closeAllConnections()
})
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

function fresh(): ReturnType<typeof __camel__> {
  answer = ['10.0.0.1:80', '10.0.0.2:80']
  return __camel__({ url, intervalMs: 10 })
}

testDiscovery(fresh, {
  test,
  change: () => void (answer = ['10.0.0.3:80']),
  fail: () => void (answer = { error: 'no idea' }),
})

test('an endpoint that is listed twice is published once', async () => {
  const discovery = fresh()
  answer = ['10.0.0.1:80', '10.0.0.1:80']
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const stop = await discovery.watch('users', resolve)
  assert.deepEqual(await promise, [{ host: '10.0.0.1', port: 80 }])
  stop()
})
