// Whatever happens, the text of a key is told to nobody: no log line, no error, no answer of the admin API, no output of a command.
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { inspect, promisify } from 'node:util'
import { createMesh } from '@meshwright/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hasOpenssl, httpEndpoint, until } from '../kit/index.ts'
import { startRun } from '../workers/kit/start-run.ts'
import { PairFolder, tlsPluginUrl } from './kit/files.ts'
import { Played, as, material, openssl, root, stranger, tlsWire } from './kit/tls.ts'

const run = promisify(execFile)
const command = path.join(import.meta.dirname, '../../cli/bin/meshwright.cjs')
const names = { dns: ['localhost'], uris: ['spiffe://example.org/mesh'] }

/** Fails if a line of one of the keys is in the text. */
function expectNoKey(text: string, ...keys: readonly string[]): void {
  expect(text.length).toBeGreaterThan(0)
  expect(text).not.toContain('PRIVATE KEY-----')
  for (const line of keys.flatMap((key) => key.split('\n')).filter((line) => line.length > 8 && !line.startsWith('-----'))) expect(text.includes(line.slice(0, 32)), 'a line of a key').toBe(false)
}

/** All of an error: message, stack, properties and causes. */
function everythingOf(thrown: unknown): string {
  return inspect(thrown, { depth: 10, showHidden: true, getters: true })
}

describe.skipIf(!hasOpenssl)('keys (skipped without openssl)', () => {
  const first = root.issue(names)
  const second = root.issue(names)

  it.each([0, 2])('are in no log line of any level and no answer of the admin API, with %i workers', async (workers) => {
    const folder = new PairFolder(first)
    const endpoint = await httpEndpoint((_request, response) => void response.end('hello'))
    const test = await startRun({
      logsErrors: true,
      endpoint,
      spec: {
        workers,
        plugins: [tlsPluginUrl],
        listeners: [{ name: 'public', address: '127.0.0.1:0', identity: folder.identity, tls: { clientCertificates: 'optional' }, forwardClientCertificate: 'sanitize-set' }],
        services: { test: { endpoints: [endpoint.address] }, secure: { endpoints: [endpoint.address], tls: { identity: folder.identity } } },
        routes: [{ match: { path: '/secure' }, to: 'secure' }, { to: 'test' }],
      },
    })
    const told = (pattern: RegExp): Promise<unknown> => until(() => test.logged.some(({ text }) => pattern.test(text)), String(pattern), 30_000)
    for (const [target, pair] of [['/', first], ['/secure', first], ['/', stranger.issue(names)], ['/', root.issue({ ...names, days: -1 })]] as const) {
      const wire = await tlsWire(test.port, as(pair)).catch(() => undefined)
      wire?.send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
      await wire?.closed
    }
    await openssl(test.port, 'GET / HTTP/1.0\r\n\r\n', '-tls1_1')
    folder.renew(second)
    await told(/renewed|good again/)
    writeFileSync(folder.key, first.key)
    await told(/not good/)
    writeFileSync(folder.key, first.key.slice(0, 150))
    await until(() => test.logged.filter(({ text }) => text.includes('not good')).length > 1, 'another reason', 30_000)
    const refused = await test.mesh.apply({ ...test.spec, listeners: [{ name: 'public', address: '127.0.0.1:0', identity: folder.identity, tls: { clientCertificates: 'required' } }, { address: '127.0.0.1:0', identity: { tls: { cert: folder.cert, key: folder.key } } }] }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'MESH_IDENTITY_FAILED' })
    const pages = await Promise.all(['/v1/config', '/v1/services', '/v1/routes', '/v1/workers', '/metrics', '/v1/openapi.json'].map(async (page) => (await test.admin(page)).text))
    expect(pages[0]).toContain('"identity"')
    expect(pages[4]).toMatch(/mesh_certificate_expiry_timestamp_seconds\{file=".*"\} \d{10}/)
    expectNoKey(`${test.logged.map((line) => inspect(line, { depth: 10 })).join('\n')}\n${everythingOf(refused)}\n${pages.join('\n')}`, first.key, second.key)
  }, 60_000)

  it('that are given by value are not shown either, nor a key in any other place', async () => {
    const listeners = [{ name: 'public', address: '127.0.0.1:0', identity: new Played(material(first)) }]
    const test = await startRun({ spec: { workers: 0, listeners, routes: [{ match: { path: '/*' }, reply: { status: 200, body: first.key } }] } })
    const { text } = await test.admin('/v1/config')
    expect(text).toMatch(/"identity":"\(by value\)".*"body":"\(hidden\)"/)
    expectNoKey(text, first.key)
  })

  it('are in no error of an identity that publishes what does not do', async () => {
    const app = createMesh()
    onTestFinished(async () => app.close())
    await app.ready()
    const [good] = material(first).certificates
    const wrong: unknown[] = [
      { certificates: [{ key: first.key, cert: second.cert }] },
      { certificates: [{ key: first.key.replace('M', '!'), cert: first.cert }] },
      { certificates: [{ key: first.key, cert: first.key }] },
      { certificates: [{ key: Buffer.from(first.key), cert: first.cert }] },
      { certificates: [good], ca: first.key },
      { certificates: first.key },
      { key: first.key, cert: first.cert },
      first.key,
    ]
    for (const published of wrong) {
      const thrown = await app.mesh.listen({ address: '127.0.0.1:0', identity: { watch: (publish) => (publish(published as never), () => {}) } }).catch((error: unknown) => error)
      expect(thrown).toMatchObject({ code: 'MESH_IDENTITY_FAILED' })
      expectNoKey(everythingOf(thrown), first.key)
    }
  })

  it('are not printed by the check command, even where somebody wrote one into the file', async () => {
    const folder = new PairFolder(first)
    const where = path.join(folder.path, 'work')
    mkdirSync(where)
    const line = JSON.stringify(first.key)
    const files = {
      'good.yaml': `listeners: [{ address: 127.0.0.1:8443, identity: { tls: { cert: ${folder.cert}, key: ${folder.key} } } }]\nroutes: [{ reply: { status: 204 } }]\n`,
      'inline.yaml': `listeners:\n  - address: 127.0.0.1:8443\n    identity: { tls: { cert: ${folder.cert}, key: ${line}, kee: 1 } }\nroutes: [{ reply: { status: 204 } }]\n`,
      'broken.yaml': `listeners:\n  - address: 127.0.0.1:8443\n    identity:\n      tls:\n        key: |\n${first.key.replaceAll(/^/gm, '       ')}`,
    }
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(path.join(where, name), text)
      const { stdout, stderr } = await run(process.execPath, [command, 'check', name], { cwd: where, timeout: 60_000, env: { ...process.env, NODE_OPTIONS: '--conditions=mw-source' } }).catch((failed: unknown) => failed as { stdout: string; stderr: string })
      expectNoKey(stdout + stderr, first.key)
    }
  }, 60_000)
})
