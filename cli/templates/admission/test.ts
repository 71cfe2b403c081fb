// Keeps what every admission promises, and what this one does besides.
import assert from 'node:assert/strict'
import test from 'node:test'
import { exchange, testAdmission } from '@meshwright/core/testing'
import { __camel__ } from './__name__.ts'

testAdmission(() => __camel__({ atOnce: 3 }), { test, limit: 3 })

test('clients learn that there is no room', () => {
  const admission = __camel__({ atOnce: 1 })
  assert.equal(admission.admit(exchange()), undefined)
  assert.equal(admission.admit(exchange())?.code, 'MESH_OVERFLOW')
})
