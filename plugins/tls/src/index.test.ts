// The identity by its name, in a mesh: listeners follow the files while they serve.
import { renameSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:https'
import path from 'node:path'
import type { TLSSocket } from 'node:tls'
import { createMesh, type MeshApp } from '@meshwright/core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import plugin from './index.ts'
import { folder, hasOpenssl, pair } from './pair.test.kit.ts'

async function mesh(): Promise<MeshApp> {
  const app = createMesh()
  onTestFinished(async () => app.close())
  await app.register(plugin)
  app.mesh.add({ match: { path: '/*' }, reply: { status: 200, body: 'ok' } })
  await app.ready()
  return app
}

/** Asks over a connection of the agent; answers the name in the certificate of that connection. */
function nameSeen(port: number, agent: Agent): Promise<unknown> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent, rejectUnauthorized: false, servername: 'localhost' }, (response) => {
      const { subject } = (response.socket as TLSSocket).getPeerCertificate()
      response.resume().on('end', () => resolve(response.statusCode === 200 ? subject.CN : response.statusCode))
    }).on('error', reject)
  })
}

function write(where: string, { key, cert }: { key: string; cert: string }): void {
  for (const [name, text] of [['tls.crt', cert], ['tls.key', key]] as const) {
    writeFileSync(path.join(where, `${name}.new`), text)
    renameSync(path.join(where, `${name}.new`), path.join(where, name))
  }
}

describe.skipIf(!hasOpenssl)('the identity tls (skipped without openssl)', () => {
  test('serves the certificate in the files; a renewal is for new connections, and open ones live on', async () => {
    const where = folder()
    write(where, pair('first'))
    const app = await mesh()
    const { port } = await app.mesh.listen({ address: '127.0.0.1:0', identity: { tls: { cert: path.join(where, 'tls.crt'), key: path.join(where, 'tls.key'), debounceMs: 1 } } })
    const open = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => open.destroy())
    expect(await nameSeen(port, open)).toBe('first')
    write(where, pair('second'))
    await vi.waitFor(async () => expect(await nameSeen(port, new Agent({ keepAlive: false, maxCachedSessions: 0 }))).toBe('second'), { timeout: 30_000 })
    expect(await nameSeen(port, open)).toBe('first')
  })

  test('with files that do not do opens no listener, and says which and why', async () => {
    const where = folder()
    write(where, { ...pair('first'), key: pair('other').key })
    const app = await mesh()
    const opened = app.mesh.listen({ address: '127.0.0.1:0', name: 'public', identity: { tls: { cert: path.join(where, 'tls.crt'), key: path.join(where, 'tls.key') } } })
    await expect(opened).rejects.toMatchObject({ code: 'MESH_IDENTITY_FAILED', message: expect.stringMatching(/listener "public".*tls\.crt.*the key does not belong to the certificate/) })
  })

  test.each([
    [{ cert: 'a.pem' }, 'must have property key when property cert is present'],
    [{}, 'must NOT have fewer than 1 properties'],
    [{ certificates: [] }, 'certificates'],
    [{ cert: 'a', key: 'b', cetificates: [] }, 'cetificates'],
  ])('with the options %j is refused', async (options, reason) => {
    const app = await mesh()
    await expect(app.mesh.listen({ address: '127.0.0.1:0', identity: { tls: options } })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS', message: expect.stringContaining(reason) })
  })
})
