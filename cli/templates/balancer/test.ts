// Keeps what every balancer promises, and what this one does besides.
import assert from 'node:assert/strict'
import test from 'node:test'
import { endpoints, exchange, testBalancer } from '@meshwright/core/testing'
import { __camel__ } from './__name__.ts'

// It does not share by weight, and says so: then nobody asks for it.
testBalancer(() => __camel__(), { test, weighted: false })

test('the endpoint with the fewest attempts under way is picked', () => {
  const list = endpoints(3, (index) => ({ inFlight: [2, 0, 5][index] ?? 0 }))
  assert.equal(__camel__().pick(list, exchange()), list[1])
})

test('endpoints with nothing under way take turns', () => {
  const list = endpoints(3)
  const balancer = __camel__()
  const picked = list.map(() => balancer.pick(list, exchange()))
  assert.deepEqual(new Set(picked), new Set(list))
})
