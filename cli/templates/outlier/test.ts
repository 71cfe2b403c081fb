// Keeps what every outlier detector promises, for two kinds of failures.
import assert from 'node:assert/strict'
import test from 'node:test'
import { endpoints, exchange, testOutlierDetector } from '@meshwright/core/testing'
import { __camel__ } from './__name__.ts'

testOutlierDetector(() => __camel__({ failures: 3 }), { test, failing: 3 })

test('a connection that was refused is a failure too', () => {
  const peers = endpoints(2)
  const [first] = peers
  assert.ok(first)
  const detector = __camel__({ failures: 1, restMs: 500 })
  assert.equal(detector.ended(first, exchange({ endpoint: first, error: 'MESH_CONNECT_FAILED' }), peers), 500)
})

test('a mistake of the client is none', () => {
  const peers = endpoints(2)
  const [first] = peers
  assert.ok(first)
  assert.equal(__camel__({ failures: 1 }).ended(first, exchange({ endpoint: first, status: 404 }), peers), undefined)
})
