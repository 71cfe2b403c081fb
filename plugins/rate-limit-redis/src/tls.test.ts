// Redis over TLS: a server with a certificate that Node trusts is believed, any other is not.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort, hasOpenssl, hasRedis, Redis } from './redis.test.kit.ts'
import { RedisStore } from './redis-store.ts'
import { readTls, type TlsFiles } from './tls.ts'

/** Takes a lease in a process of its own, as Node reads its extra certificates once, when it starts. */
const code = `
const [, module, url] = process.argv
const { RedisStore } = await import(module)
const log = { warn: (details) => console.log(JSON.stringify(details)), info() {} }
const store = new RedisStore(url, 'test:', { log, up: { set() {}, add() {}, value: 0 } })
const taken = await store.of('users', { requests: 5, windowMs: 600_000, burst: 5 }).lease('a', 3).then((lease) => lease.taken, () => 'nothing')
console.log('taken', taken)
await store.close()`

test.skipIf(!hasRedis() || !hasOpenssl())('a budget is there over TLS with a password, if the certificate is trusted', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'redis-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')]
  spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'ignore' })
  const tlsPort = await freePort()
  await Redis.start({ password: 'open-sesame', options: ['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'] })
  const lease = async (env: NodeJS.ProcessEnv): Promise<string> => {
    const module = new URL('./redis-store.ts', import.meta.url).href
    const args = ['--conditions=mw-source', '--input-type=module', '-e', code, module, `rediss://:open-sesame@localhost:${tlsPort}`]
    return (await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env }, timeout: 60_000 })).stdout
  }
  expect(await lease({ NODE_EXTRA_CA_CERTS: cert })).toBe('taken 3\n')
  const untrusted = await lease({})
  expect(untrusted).toMatch(/"reason":"DEPTH_ZERO_SELF_SIGNED_CERT".*\ntaken nothing/)
  expect(untrusted).not.toContain('sesame')
})

describe.skipIf(!hasRedis() || !hasOpenssl())('with a root of its own', () => {
  /** A server whose certificate is for redis.internal, reached at 127.0.0.1; answers where it is and the file with its root. */
  async function start(): Promise<{ url: string; ca: string; otherCa: string }> {
    const folder = mkdtempSync(path.join(tmpdir(), 'redis-tls-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const make = (name: string): { key: string; cert: string } => {
      const [key, cert] = [path.join(folder, `${name}-key.pem`), path.join(folder, `${name}.pem`)]
      spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`], { stdio: 'ignore' })
      return { key, cert }
    }
    const [{ key, cert }, other] = [make('redis.internal'), make('other.internal')]
    const tlsPort = await freePort()
    await Redis.start({ options: ['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'] })
    return { url: `rediss://127.0.0.1:${tlsPort}`, ca: cert, otherCa: other.cert }
  }

  /** How many of three requests are leased, or why Redis is away. */
  async function lease(url: string, files: TlsFiles): Promise<unknown> {
    let why: unknown
    const log = { warn: (details: object) => void (why ??= (details as { reason: unknown }).reason), info() {} }
    const store = new RedisStore(url, 'test:', { log, up: { set() {}, add() {}, value: 0 }, tls: readTls({ url, ...files }) })
    onTestFinished(async () => store.close())
    return store.of('users', { requests: 5, windowMs: 600_000, burst: 5 }).lease('a', 3).then(({ taken }) => taken, () => why)
  }

  test('Redis is believed if that has signed its certificate for the name that is asked for, and not otherwise', async () => {
    const { url, ca, otherCa } = await start()
    expect(await lease(url, { ca, serverName: 'redis.internal' })).toBe(3)
    expect(await lease(url, { ca })).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await lease(url, { ca, serverName: 'other.internal' })).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    expect(await lease(url, { ca: otherCa, serverName: 'redis.internal' })).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    expect(await lease(url, { serverName: 'redis.internal' })).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  })
})

test('what cannot be used for TLS is refused with the reason', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'redis-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const empty = path.join(folder, 'empty.pem')
  writeFileSync(empty, 'nothing')
  expect(readTls({ url: 'rediss://h' })).toBeUndefined()
  expect(() => readTls({ url: 'redis://h', ca: empty })).toThrow('rediss://')
  expect(() => readTls({ url: 'rediss://h', ca: empty })).toThrow(/empty\.pem: it has no certificate/)
  expect(() => readTls({ url: 'rediss://h', ca: path.join(folder, 'none.pem') })).toThrow(/none\.pem: ENOENT/)
})
