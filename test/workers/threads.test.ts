// What several data-plane threads are together: one mesh.
import { connect } from 'node:tls'
import type { MeshSpec } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { echoEndpoint, httpEndpoint, rawClient } from '../kit/index.ts'
import { eventually, oneListener, startRun, threadsThatAnswer } from './kit/start-run.ts'
import { testCertificate } from './kit/tls.ts'
import { tell } from './kit/tricks.ts'

async function named(name: string): Promise<{ address: string; port: number }> {
  return httpEndpoint((_request, response) => void response.end(name))
}

describe('threads', () => {
  test('requests are served by all of them on one port', async () => {
    const run = await startRun({ endpoint: await echoEndpoint() })
    expect(run.mesh.listeners).toMatchObject([{ name: 'public', port: run.port }])
    expect((await threadsThatAnswer(run, 2)).size).toBe(2)
    expect(run.mesh.status().workers).toMatchObject([
      { worker: 1, state: 'running', restarts: 0, revision: 1 },
      { worker: 2, state: 'running', restarts: 0, revision: 1 },
    ])
  })

  test('endpoints that a discovery publishes in the supervisor reach them', async () => {
    const [one, two] = [await named('one'), await named('two')]
    const run = await startRun({ spec: { services: { test: { discovery: { told: { channel: 'reach' } } } }, routes: [{ to: 'test' }] } })
    expect((await run.get()).status).toBe(503)
    for (const { port, name } of [{ ...one, name: 'one' }, { ...two, name: 'two' }]) {
      tell('reach', { endpoints: [{ host: '127.0.0.1', port }] })
      const threads = new Set<string | undefined>()
      await eventually(async () => {
        const { body, thread } = await run.get()
        return body === name && threads.add(thread).size === 2
      }, `both threads to send to ${name}`)
    }
  })

  test('an endpoint that a health check finds unfit gets no requests from any of them', async () => {
    const [one, two] = [await named('one'), await named('two')]
    const service = { endpoints: [{ id: 'a', address: one.address }, { id: 'b', address: two.address }], health: 'told' }
    const run = await startRun({ spec: { services: { test: service }, routes: [{ to: 'test' }] } })
    tell('unfit', { unfit: ['a'] })
    const inARow = { count: 0, threads: new Set<string | undefined>() }
    await eventually(async () => {
      const { body, thread } = await run.get()
      if (body === 'two') inARow.count++
      else inARow.count = 0
      return inARow.threads.add(thread).size === 2 && inARow.count >= 20
    }, 'twenty answers in a row from the fit endpoint')
    const { json } = await run.admin('/v1/services')
    expect(json).toMatchObject({ answered: 2, asked: 2, services: [{ name: 'test', endpoints: [{ id: 'a', healthy: false, fit: false, reason: 'told so' }, { id: 'b', fit: true }] }] })
    tell('unfit', {})
    await eventually(async () => (await run.get()).body === 'one', 'the endpoint to come back')
  })

  test('an endpoint that one of them puts to rest rests in all of them', async () => {
    const bad = await httpEndpoint((_request, response) => void response.writeHead(500).end('bad'))
    const good = await named('good')
    const service = { endpoints: [bad.address, good.address], outlier: 'first-failure' }
    const run = await startRun({ spec: { services: { test: service }, routes: [{ to: 'test' }] } })
    const first = await eventually(async () => {
      const answer = await run.get()
      return answer.status === 500 && answer
    }, 'the endpoint to fail once')
    await eventually(async () => (await run.admin('/v1/services')).text.includes('"resting":true'), 'the supervisor to know')
    // Each thread answers this only after what it was told before.
    await run.admin('/v1/services')
    const others: (string | undefined)[] = []
    const bodies = new Set<string>()
    await eventually(async () => {
      const { body, thread } = await run.get()
      bodies.add(body)
      return thread !== first.thread && others.push(thread) >= 5
    }, 'the other thread to answer five times')
    expect([...bodies]).toEqual(['good'])
  })

  test('keys and certificates that an identity gives the supervisor reach them', async () => {
    const run = await startRun({ spec: { listeners: [{ address: '127.0.0.1:0', identity: 'fixed' }] } })
    expect(run.mesh.listeners[0]?.url).toBe(`https://127.0.0.1:${run.port}`)
    for (let i = 0; i < 8; i++) expect(await secureGet(run.port)).toContain('HTTP/1.1 200')
  })

  test('what they count is one number that never goes down', async () => {
    const run = await startRun()
    await threadsThatAnswer(run, 2)
    const before = await run.counted('tricks_requests_total')
    for (let i = 0; i < 10; i++) await run.get()
    expect(await run.counted('tricks_requests_total')).toBe(before + 10)
  })
})

describe('a change of the configuration', () => {
  test('closes neither a response that is under way nor a kept connection', async () => {
    const more = Promise.withResolvers<void>()
    const slow = await httpEndpoint(async (_request, response) => {
      response.write('first half, ')
      await more.promise
      response.end('second half')
    })
    const run = await startRun({ endpoint: slow })
    const streaming = (await rawClient(run.port)).send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await streaming.untilText('first half')
    const kept = await rawClient(run.port)
    await run.mesh.apply({ ...run.spec, services: {}, routes: [{ reply: { status: 200, body: 'new' } }] })
    expect(run.mesh.status()).toMatchObject({ revision: 2, workers: [{ revision: 2 }, { revision: 2 }] })
    expect((await kept.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').response()).body.toString()).toBe('new')
    more.resolve()
    expect((await streaming.response()).body.toString()).toBe('first half, second half')
    expect((await streaming.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').response()).body.toString()).toBe('new')
  })

  test.each([0, 2])('that is wrong is refused, and the old one stays (workers: %i)', async (workers) => {
    const [old, other] = [await named('old'), await named('other')]
    const run = await startRun({ spec: { workers }, endpoint: old, logsErrors: true })
    await expect(run.mesh.apply({ ...run.spec, services: { test: { endpoints: [other.address] } }, routes: [{ to: 'nowhere' }] })).rejects.toMatchObject({ code: 'MESH_UNKNOWN_SERVICE' })
    expect((await run.get()).body).toBe('old')
    run.mesh.reloadFailed(['test.yaml:1:1 not YAML'])
    expect((await run.admin('/v1/config')).json).toMatchObject({ revision: 1, file: 'test.yaml', lastReload: { ok: false, problems: ['test.yaml:1:1 not YAML'] } })
    const { text } = await run.admin('/metrics')
    expect(text).toContain('mesh_config_reloads_total{result="refused"} 2')
    expect(text).toContain('mesh_config_last_reload_ok 0')
    expect(run.logged.filter(({ level }) => level === 'error')).toHaveLength(2)
    await run.mesh.apply({ ...run.spec, routes: [{ reply: { status: 200, body: 'new' } }] })
    expect((await run.get()).body).toBe('new')
    expect((await run.admin('/v1/config')).json).toMatchObject({ revision: 2, lastReload: { ok: true, problems: [] } })
  })

  test('that no thread can take over is refused, and the old one stays', async () => {
    const run = await startRun({ spec: { routes: [{ reply: { status: 200, body: 'old' } }] }, logsErrors: true })
    await expect(run.mesh.apply({ ...run.spec, filters: ['tricks', 'control-only'], routes: [{ name: 'refused', reply: { status: 200 } }] })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS' })
    expect((await run.get()).body).toBe('old')
    expect(run.mesh.status()).toMatchObject({ revision: 1, workers: [{ revision: 1 }, { revision: 1 }] })
    expect((await run.admin('/v1/workers')).text).toContain('not in a data-plane thread')
    expect((await run.admin('/v1/routes')).text).not.toContain('refused')
  })

  test.each([0, 2])('opens listeners that are new, closes those that are gone and touches no other (workers: %i)', async (workers) => {
    const run = await startRun({ spec: { workers } })
    const kept = await rawClient(run.port)
    await run.mesh.apply({ ...run.spec, listeners: [...oneListener, { name: 'second', address: '127.0.0.1:0' }] })
    const [first, second] = run.mesh.listeners
    expect(first?.port).toBe(run.port)
    const leaving = await rawClient(second?.port ?? 0)
    expect((await leaving.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').response()).status).toBe(200)
    await run.mesh.apply(run.spec)
    expect(await leaving.closed).toBe('end')
    await eventually(async () => rawClient(second?.port ?? 0).then(() => false, () => true), 'the port to be closed')
    expect((await kept.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n').response()).status).toBe(200)
  })

  test.each([0, 1, 2])('of limits, timeouts and the name of a listener keeps its socket and its connections (workers: %i)', async (workers) => {
    const run = await startRun({ spec: { workers } })
    const kept = await rawClient(run.port)
    const answers = async (target: string): Promise<unknown> => (await kept.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nX-Trick: thread\r\n\r\n`).response()).status
    for (const listener of [
      { name: 'public', address: '127.0.0.1:0', limits: { urlLength: 10 } },
      { name: 'public', address: `127.0.0.1:${run.port}`, limits: { urlLength: 11 } },
      { name: 'renamed', address: `127.0.0.1:${run.port}`, limits: { urlLength: 12 } },
    ]) {
      await run.mesh.apply({ ...run.spec, listeners: [listener] })
      expect(run.mesh.listeners).toMatchObject([{ port: run.port }])
      expect(await answers(`/${'a'.repeat(listener.limits.urlLength - 1)}`), JSON.stringify(listener)).toBe(200)
    }
    expect(await answers('/longer/than/twelve')).toBe(414)
  })

  test('of what only a start can take over is told', async () => {
    const run = await startRun()
    await run.mesh.apply({ ...run.spec, workers: 3 })
    expect(run.logged).toContainEqual({ level: 'warn', text: 'a change of workers takes a restart', details: { changed: ['workers'] } })
    expect(run.mesh.status().workers).toHaveLength(2)
  })
})

describe('a mesh that cannot start', () => {
  const refused: readonly [string, MeshSpec, string][] = [
    ['answers by value, which cannot cross', { filters: [{ name: 'own', onEnd() {} }] }, 'MESH_BAD_OPTIONS'],
    ['a filter that the threads cannot make', { filters: ['control-only'] }, 'MESH_BAD_OPTIONS'],
    ['an unknown name', { filters: ['no-such-filter'] }, 'MESH_UNKNOWN_NAME'],
    ['two listeners of one name', { listeners: [...oneListener, ...oneListener] }, 'MESH_DUPLICATE_NAME'],
    ['a number of threads that is none', { workers: 1.5 }, 'MESH_BAD_OPTIONS'],
    ['a plugin that is none', { plugins: [new URL('./kit/tls.ts', import.meta.url).href] }, 'MESH_PLUGIN_SHAPE'],
    ['a plugin that is not installed', { plugins: ['no-such-plugin-anywhere'] }, 'MESH_PLUGIN_SHAPE'],
  ]
  test.each(refused)('says why: %s', async (_what, spec, code) => {
    await expect(startRun({ spec })).rejects.toMatchObject({ code })
  })

  test('because another mesh listens on the port says so, although the port could be shared', async () => {
    const other = await startRun()
    await expect(startRun({ spec: { listeners: [{ address: `127.0.0.1:${other.port}` }] } })).rejects.toMatchObject({ code: 'MESH_LISTEN_FAILED' })
    expect((await other.get()).status).toBe(200)
  })
})

function secureGet(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect({ host: '127.0.0.1', port, ca: testCertificate, servername: 'localhost' })
    socket.on('error', reject).on('end', () => resolve(text)).on('data', (chunk: Buffer) => (text += chunk.toString()))
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  })
}
