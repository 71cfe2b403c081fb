// Redis over TLS: a server with a certificate that Node trusts is believed, any other is not.
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { freePort, hasOpenssl, hasRedis, Redis } from './redis.test.kit.ts'

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
