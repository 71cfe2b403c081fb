import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ids, type Shop, startShop } from './app.ts'
import { Authority, type Files } from './certificates.ts'

const hasOpenssl = process.env['CI'] === 'true' || spawnSync('openssl', ['version']).status === 0

describe.skipIf(!hasOpenssl)('two proxies with mutual TLS (skipped without openssl)', () => {
  let folder: string
  let shop: Shop

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'meshwright-mtls-'))
    shop = await startShop(folder, { web: 0, orders: 0 })
  })

  afterAll(async () => {
    await shop.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('carry a request to the service, which is told who asked', async () => {
    const response = await fetch(`${shop.url}/orders`)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ orders: ['A-1', 'A-2'], over: 'https', asked: expect.stringMatching(/^By=spiffe:\/\/shop\.example\/orders;Hash=[0-9a-f]{64};URI=spiffe:\/\/shop\.example\/web$/) })
  })

  it('let nobody say by a header that he is somebody else', async () => {
    const response = await fetch(`${shop.url}/orders`, { headers: { 'x-forwarded-client-cert': 'URI=spiffe://shop.example/king' } })
    expect(JSON.stringify(await response.json())).not.toContain('king')
  })

  it('refuse a client without a certificate, and one of another authority', async () => {
    const stranger = new Authority(path.join(folder, 'stranger'), 'Stranger')
    expect(await knock()).toBe('refused')
    expect(await knock(stranger.issue('web', ids.web))).toBe('refused')
  })

  it('let a workload of the same authority in, but not to what is not for it', async () => {
    expect(await knock(shop.authority.issue('intruder', 'spiffe://shop.example/intruder'))).toBe(403)
    expect(await knock(shop.authority.issue('twin', ids.web))).toBe(200)
  })

  it('send nothing to somebody else in the place of orders, and go on when both have new certificates', async () => {
    const other = await startShop(path.join(folder, 'other'), { web: 0, orders: 0 })
    try {
      other.authority.issue('orders', 'spiffe://shop.example/somebody-else')
      await vi.waitFor(async () => expect(await nameAt(other, other.authority.issue('probe', ids.web))).toContain('somebody-else'), { timeout: 30_000 })
      expect((await fetch(other.url)).status).toBe(502)
      other.authority.issue('orders', ids.orders)
      other.authority.issue('web', ids.web)
      await vi.waitFor(async () => expect((await fetch(other.url)).status).toBe(200), { timeout: 30_000 })
    } finally {
      await other.close()
    }
  }, 90_000)

  /** Asks the second proxy past the first one. */
  function knock(files?: Files): Promise<number | 'refused'> {
    const own = files === undefined ? {} : { cert: readFileSync(files.cert), key: readFileSync(files.key) }
    return new Promise((resolve) => {
      // Its certificate has a SPIFFE id and no host name.
      const sent = request({ host: '127.0.0.1', port: shop.securePort, ca: readFileSync(shop.authority.ca), checkServerIdentity: () => undefined, agent: false, ...own }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      })
      sent.on('error', () => resolve('refused')).end()
    })
  }
})

/** The names in the certificate that the second proxy shows to new connections. */
function nameAt({ securePort, authority }: Shop, files: Files): Promise<string> {
  return new Promise((resolve, reject) => {
    let names = ''
    const options = { host: '127.0.0.1', port: securePort, ca: readFileSync(authority.ca), cert: readFileSync(files.cert), key: readFileSync(files.key), agent: false } as const
    const checkServerIdentity = (_name: string, certificate: { subjectaltname?: string }): undefined => void (names = certificate.subjectaltname ?? '')
    request({ ...options, checkServerIdentity }, (response) => void response.resume().on('end', () => resolve(names))).on('error', reject).end()
  })
}
