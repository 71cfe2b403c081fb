// Keeps what every health check promises, against servers that greet well, badly and not at all.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Unfit } from '@meshwright/core'
import { TestServer, testHealthCheck } from '@meshwright/core/testing'
import { __camel__ } from './__name__.ts'

testHealthCheck(() => __camel__({ greeting: '220 ' }), {
  test,
  well: (socket) => void socket.write('220 ready\r\n'),
  ill: (socket) => void socket.write('421 busy\r\n'),
})

test('a greeting may come in pieces', async () => {
  await using server = await TestServer.start((socket) => {
    socket.write('2')
    setImmediate(() => socket.write('20 ready\r\n'))
  })
  await __camel__({ greeting: '220 ' }).check(server.endpoint, AbortSignal.timeout(5_000))
})

test('another greeting is believed at once', async () => {
  await using server = await TestServer.start((socket) => void socket.write('421 busy\r\n'))
  await assert.rejects(async () => __camel__({ greeting: '220 ' }).check(server.endpoint, AbortSignal.timeout(5_000)), Unfit)
})
