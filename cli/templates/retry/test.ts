// Keeps what every retry policy promises, for both failures that this one repeats.
import assert from 'node:assert/strict'
import test from 'node:test'
import { exchange, testRetryPolicy } from '@meshwright/core/testing'
import { __camel__ } from './__name__.ts'

testRetryPolicy(() => __camel__(), { test, retries: { status: 503 } })

test('there are as many further attempts as delays', () => {
  const policy = __camel__({ delaysMs: [10] })
  assert.notEqual(policy.next(exchange({ error: 'MESH_CONNECT_FAILED', attempt: 1 })), undefined)
  assert.equal(policy.next(exchange({ error: 'MESH_CONNECT_FAILED', attempt: 2 })), undefined)
})

test('a delay is longer by up to a half', () => {
  const delayMs = __camel__({ delaysMs: [100] }).next(exchange({ status: 503 }))
  assert.ok(delayMs !== undefined && delayMs >= 100 && delayMs <= 150)
})

test('what the client has done wrong is not repeated', () => {
  assert.equal(__camel__().next(exchange({ status: 404 })), undefined)
})
