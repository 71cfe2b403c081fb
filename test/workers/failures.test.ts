// What becomes of a data-plane thread that is stuck, throws, or eats the memory; and of a mesh that is to end.
import { describe, expect, test } from 'vitest'
import { httpEndpoint, rawClient } from '../kit/index.ts'
import { ask, eventually, startRun, threadsThatAnswer, type TestRun } from './kit/start-run.ts'

function restarts(run: TestRun, reason: string): Promise<unknown> {
  return eventually(async () => (await run.admin('/metrics')).text.includes(`mesh_worker_restarts_total{reason="${reason}"} 1`), `a restart because of ${reason}`)
}

describe('a thread', () => {
  test('that blocks its event loop is replaced while the other answers', async () => {
    const run = await startRun({ logsErrors: true, threads: { stuckMs: 1_500 } })
    const before = await threadsThatAnswer(run, 2)
    const counted = await run.counted('tricks_requests_total')
    const blocked = run.get('/', { 'x-trick': 'block' })
    blocked.catch(() => {})
    const kept = await eventually(async () => answeringWire(run), 'the other thread to answer')
    await restarts(run, 'stuck')
    await expect(blocked).rejects.toMatchObject({ code: 'ECONNRESET' })
    const after = new Set<string>()
    await eventually(async () => {
      after.add((await run.get('/', { 'x-trick': 'thread' })).body)
      return [...after].some((thread) => !before.has(thread))
    }, 'the new thread to answer')
    expect((await kept.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').response()).status).toBe(200)
    expect(await run.counted('tricks_requests_total')).toBeGreaterThan(counted)
    expect(run.mesh.status().workers.reduce((sum, worker) => sum + worker.restarts, 0)).toBe(1)
  })

  test('in which an exception is not caught is replaced, and its exchanges end', async () => {
    const more = Promise.withResolvers<void>()
    const slow = await httpEndpoint(async (request, response) => {
      response.write('first half, ')
      if (request.url === '/slow') await more.promise
      response.end('second half')
    })
    const run = await startRun({ endpoint: slow, logsErrors: true, spec: { workers: 1 } })
    const streaming = (await rawClient(run.port)).send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n')
    await streaming.untilText('first half')
    await run.get('/', { 'x-trick': 'throw' })
    await restarts(run, 'exception')
    more.resolve()
    expect((await streaming.response()).body.toString()).toBe('first half, second half')
    expect((await eventually(async () => run.get(), 'the new thread to answer')).status).toBe(200)
    expect(run.logged).toContainEqual(expect.objectContaining({ level: 'error', details: expect.objectContaining({ code: 'MESH_INTERNAL', worker: 1, err: expect.objectContaining({ message: 'out of a timer' }) }) }))
  })

  test('that runs out of memory is replaced', async () => {
    const run = await startRun({ logsErrors: true, spec: { workers: 1 }, threads: { maxOldGenerationSizeMb: 40 } })
    await expect(run.get('/', { 'x-trick': 'memory' })).rejects.toMatchObject({ code: 'ECONNRESET' })
    await restarts(run, 'memory')
    expect((await eventually(async () => run.get(), 'the new thread to answer')).status).toBe(200)
  })

  test('that takes the place of another runs what is in force now', async () => {
    const run = await startRun({ logsErrors: true, spec: { workers: 1 } })
    await run.mesh.apply({ ...run.spec, routes: [{ reply: { status: 200, body: 'new' } }] })
    await run.get('/', { 'x-trick': 'throw' })
    await restarts(run, 'exception')
    const thread = await eventually(async () => {
      const [worker] = run.mesh.status().workers
      return worker?.state === 'running' && worker
    }, 'the new thread to run')
    expect(thread).toMatchObject({ revision: 2, restarts: 1, lastRestartReason: 'exception' })
    expect((await eventually(async () => run.get(), 'the new thread to answer')).body).toBe('new')
  })
})

describe.each([0, 2])('a mesh that drains (workers: %i)', (workers) => {
  test('takes no connections, ends its exchanges, and says so', async () => {
    const more = Promise.withResolvers<void>()
    const slow = await httpEndpoint(async (_request, response) => {
      response.write('first half, ')
      await more.promise
      response.end('second half')
    })
    const run = await startRun({ endpoint: slow, spec: { workers } })
    expect(await run.admin('/ready')).toMatchObject({ status: 200, json: { status: 'ready' } })
    const streaming = (await rawClient(run.port)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await streaming.untilText('first half')
    await eventually(async () => run.mesh.inFlight === 1, 'the exchange to be counted')
    expect(await run.admin('/v1/drain', 'POST')).toMatchObject({ status: 202 })
    expect(await run.admin('/ready')).toMatchObject({ status: 503, json: { status: 'draining' } })
    expect(await run.admin('/live')).toMatchObject({ status: 200 })
    await eventually(async () => ask(run.port, '/').then(() => false, () => true), 'connections to be refused')
    more.resolve()
    expect((await streaming.response()).body.toString()).toBe('first half, second half')
    await streaming.closed
    await run.mesh.drain()
    expect(run.mesh.inFlight).toBe(0)
  })

  test('cuts what is left when it is told to close', async () => {
    const run = await startRun({ spec: { workers }, endpoint: await httpEndpoint((_request, response) => void response.write('first half')) })
    const streaming = (await rawClient(run.port)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await streaming.untilText('first half')
    const drained = run.mesh.drain()
    await run.mesh.close()
    await drained
    await streaming.cutResponse()
  })
})

/** A connection to the thread that is not blocked. A connection to the other is given up after a short wait for its answer. */
async function answeringWire(run: TestRun): Promise<Awaited<ReturnType<typeof rawClient>> | undefined> {
  const wires = await Promise.all(Array.from({ length: 8 }, async () => (await rawClient(run.port)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')))
  const first = await Promise.any(wires.map(async (wire) => wire.response().then(() => wire)))
  for (const wire of wires) if (wire !== first) wire.reset()
  return first
}
