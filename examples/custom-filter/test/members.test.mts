// What the filter does, on the module as meshes run it: `npm test`.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { loadFilter, type TestFilter } from '@meshwright/wasm/testing'

const load = (configuration: object = {}): Promise<TestFilter> => loadFilter(new URL('../build/members.wasm', import.meta.url), { configuration })
const withCard = { headers: { cookie: 'theme=dark; card=c7' } }

void describe('members only', () => {
  void test('the shop is told whose card it is', async () => {
    const filter = await load()
    const stream = await filter.request(withCard)
    assert.equal(stream.outcome, 'paused')
    assert.equal(filter.calls[0]?.service, 'members')
    assert.equal(filter.calls[0].path, '/cards/c7')

    await filter.answer({ status: 200, body: 'ada\n' })
    assert.equal(stream.outcome, 'passed')
    assert.equal(stream.sent.headers['x-member'], 'ada')
  })

  void test('a card is asked for once a minute', async () => {
    const filter = await load()
    await filter.request(withCard)
    await filter.answer({ body: 'ada' })
    const again = await filter.request(withCard)
    assert.equal(again.sent.headers['x-member'], 'ada')
    assert.equal(filter.calls.length, 1)

    await filter.advance(60_000)
    assert.equal((await filter.request(withCard)).outcome, 'paused')
    assert.equal(filter.metrics['members_asked'], 2)
  })

  void test('a card that nobody has is refused', async () => {
    const filter = await load()
    const stream = await filter.request(withCard)
    await filter.answer({ status: 404 })
    assert.equal(stream.reply.status, 401)
    assert.equal(filter.metrics['members_refused'], 1)
  })

  void test('a request without a card, or with none that can be one, is refused without asking', async () => {
    const filter = await load()
    assert.equal((await filter.request()).reply.status, 401)
    assert.equal((await filter.request({ headers: { cookie: 'card=../admin' } })).reply.status, 401)
    assert.equal(filter.calls.length, 0)
  })

  void test('nobody can say of themselves that they are a member', async () => {
    const filter = await load()
    const stream = await filter.request({ headers: { ...withCard.headers, 'x-member': 'root' } })
    await filter.answer({ body: 'ada' })
    assert.equal(stream.sent.headers['x-member'], 'ada')
  })

  void test('a service that does not answer in time makes it a 503', async () => {
    const filter = await load()
    const stream = await filter.request(withCard)
    await filter.advance(500)
    assert.equal(stream.reply.status, 503)
    assert.equal(stream.reply.headers['retry-after'], '5')
  })
})
