// Certificates are renewed while requests are under way: no request fails, no connection is dropped, and new ones get the new one.
import { Agent, request } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { type MeshSpec, runMesh } from '@meshwright/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hasOpenssl, httpEndpoint, until } from '../kit/index.ts'
import { startRun } from '../workers/kit/start-run.ts'
import { PairFolder, tlsPluginUrl } from './kit/files.ts'
import { root } from './kit/tls.ts'

const names = { dns: ['localhost'] }

interface Asked {
  readonly name: string
  readonly socket: TLSSocket
}

/** Sends a request that verifies the certificate; answers what the connection has shown. */
function ask(port: number, agent: Agent): Promise<Asked> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', servername: 'localhost', port, agent, ca: root.cert }, (response) => {
      const socket = response.socket as TLSSocket
      const name = String(socket.getPeerCertificate().subject.O)
      response.on('error', reject)
      response.resume().on('end', () => (response.statusCode === 200 ? resolve({ name, socket }) : reject(new Error(`status ${response.statusCode}`))))
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** Clients that ask on and on, until they are told to stop. */
class Load {
  readonly failures: unknown[] = []
  readonly sockets = new Set<TLSSocket>()
  /** What new connections were shown, the last at the end. */
  readonly shown: string[] = []
  asked = 0
  #stopped = false
  readonly #clients: Promise<void>[]

  constructor(port: number, lasting: number, fresh: number) {
    this.#clients = [
      ...Array.from({ length: lasting }, async () => this.#run(port, new Agent({ keepAlive: true, maxSockets: 1 }), ({ socket }) => this.sockets.add(socket))),
      ...Array.from({ length: fresh }, async () => this.#run(port, undefined, ({ name }) => this.shown.push(name))),
    ]
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#clients)
  }

  async #run(port: number, agent: Agent | undefined, seen: (asked: Asked) => void): Promise<void> {
    while (!this.#stopped) {
      try {
        seen(await ask(port, agent ?? new Agent({ keepAlive: false, maxCachedSessions: 0 })))
      } catch (error) {
        this.failures.push(error)
      }
      this.asked++
    }
    agent?.destroy()
  }
}

describe.skipIf(!hasOpenssl)('certificates that are renewed under load (skipped without openssl)', () => {
  it.each([0, 2])('fail no request and drop no connection, with %i workers', async (workers) => {
    const folder = new PairFolder(root.issue({ subject: '/O=0/CN=x', ...names }))
    const endpoint = await httpEndpoint((_request, response) => void response.end('hello'))
    const spec: MeshSpec = {
      workers,
      admin: false,
      listeners: [{ name: 'public', address: '127.0.0.1:0', identity: folder.identity }],
      services: { test: { endpoints: [endpoint.address] } },
      routes: [{ to: 'test' }],
    }
    const logged: string[] = []
    const line = (_details: object, text: string): void => void logged.push(text)
    const mesh = await runMesh(spec, { plugins: [tlsPluginUrl], log: { debug() {}, info() {}, warn: line, error: line } })
    onTestFinished(async () => mesh.close())
    const load = new Load(mesh.listeners[0]?.port ?? 0, 4, 2)
    for (const turn of ['1', '2', '3', '4', '5']) {
      folder.renew(root.issue({ subject: `/O=${turn}/CN=x`, ...names }))
      // All threads have it once many in a row have shown it.
      await until(() => load.shown.length > 20 && load.shown.slice(-20).every((name) => name === turn), `certificate ${turn}`, 30_000)
    }
    await load.stop()
    expect(load.failures).toEqual([])
    expect(load.sockets.size).toBe(4)
    expect(load.asked).toBeGreaterThan(100)
    expect(logged.filter((text) => text !== 'the certificate files are not good: the last good ones stay in use')).toEqual([])
  }, 180_000)

  it('are told to a thread that is started anew', async () => {
    const folder = new PairFolder(root.issue({ subject: '/O=old/CN=x', ...names }))
    const run = await startRun({ logsErrors: true, spec: { workers: 1, plugins: [tlsPluginUrl], listeners: [{ name: 'public', address: '127.0.0.1:0', identity: folder.identity }] } })
    const shown = async (): Promise<string> => (await ask(run.port, new Agent({ keepAlive: false, maxCachedSessions: 0 }))).name
    folder.renew(root.issue({ subject: '/O=new/CN=x', ...names }))
    const isNew = async (): Promise<void> => {
      for (;;) if ((await shown().catch(() => '')) === 'new') return
    }
    await isNew()
    const before = run.mesh.status().workers[0]?.threadId
    request({ host: '127.0.0.1', servername: 'localhost', port: run.port, ca: root.cert, headers: { 'x-trick': 'throw' } }).on('error', () => {}).end()
    await until(() => run.mesh.status().workers[0]?.threadId !== before && run.mesh.status().workers[0]?.state === 'running', 'another thread', 30_000)
    await isNew()
    expect(await shown()).toBe('new')
  }, 120_000)
})
