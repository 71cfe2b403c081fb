// What the filter does, on the module that the compiler has made: `npm test`.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { loadFilter, type TestFilter } from '@meshwright/wasm/testing'

const load = (configuration: string): Promise<TestFilter> => loadFilter(new URL('../build/crawlers.wasm', import.meta.url), { configuration })
const from = (agent: string): { headers: Record<string, string> } => ({ headers: { 'user-agent': agent } })

void describe('crawlers', () => {
  void test('a crawler is turned away, however it writes its name', async () => {
    const filter = await load('bot\nspider\n')
    for (const agent of ['goodbot/1.0', 'BadBot', 'A Spider (from the web)']) {
      const stream = await filter.request(from(agent))
      assert.deepEqual([stream.outcome, stream.reply.status, stream.reply.body], ['replied', 403, 'people only\n'])
    }
  })

  void test('everybody else passes, and so does a client that says nothing of itself', async () => {
    const filter = await load('bot\n\nspider')
    assert.equal((await filter.request(from('Mozilla/5.0'))).outcome, 'passed')
    assert.equal((await filter.request()).outcome, 'passed')
    assert.equal((await filter.request(from(''))).outcome, 'passed')
  })

  void test('crawlers that come all the same are told to keep nothing', async () => {
    const filter = await load('bot')
    const stream = await filter.request()
    await stream.response({ status: 200, body: 'hello' })
    assert.equal(stream.received.headers['x-robots-tag'], 'noindex')
  })

  void test('it needs words', async () => {
    await assert.rejects(load(''), /the configuration lists no words/)
  })

  void test('it does not grow', async () => {
    const filter = await load('bot')
    const one = await filter.request(from('Mozilla/5.0'))
    await one.end()
    const before = filter.memoryBytes
    for (let round = 0; round < 5_000; round++) {
      const stream = await filter.request(from(`Mozilla/5.0 ${'x'.repeat(1_000)}`))
      await stream.end()
    }
    assert.equal(filter.memoryBytes, before)
  })
})
