// Clients that speak TLS, and an identity that the test publishes through.
import type { Identity, TlsMaterial } from '@meshwright/core'
import { execFile } from 'node:child_process'
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls'
import { onTestFinished } from 'vitest'
import { type Authority, type LeafOptions, type Pair, Wire, authority, hasOpenssl } from '../../kit/index.ts'

// Where there is no openssl, tests are collected all the same, and skipped.
const make = (name: string): Authority => (hasOpenssl ? authority(name) : ({ issue: () => ({}) } as unknown as Authority))

/** The authority that everybody here trusts, one for each test file. */
export const root: Authority = make('Test Root')

/** Another one, whom nobody trusts. */
export const stranger: Authority = make('Stranger')

/** An identity by value. */
export class Played implements Identity {
  last: TlsMaterial
  readonly #watchers = new Set<(material: TlsMaterial) => void>()

  constructor(material: TlsMaterial) {
    this.last = material
  }

  watch(publish: (material: TlsMaterial) => void): () => void {
    this.#watchers.add(publish)
    publish(this.last)
    return () => this.#watchers.delete(publish)
  }

  publish(material: TlsMaterial): void {
    this.last = material
    for (const publish of this.#watchers) publish(material)
  }
}

/** Pairs of the root as an identity that trusts the root. */
export function identity(...leaves: readonly LeafOptions[]): Played {
  return new Played(material(...leaves.map((leaf) => root.issue(leaf))))
}

export function material(...pairs: readonly Pair[]): TlsMaterial {
  return { certificates: pairs.map(({ key, cert }) => ({ key, cert })), ca: root.cert }
}

/** The options of a client with this certificate. */
export function as(pair: Pair): ConnectionOptions {
  return { key: pair.key, cert: pair.cert }
}

/** A raw connection over TLS. Rejects with what ended the handshake. */
export function tlsWire(port: number, options: ConnectionOptions = {}): Promise<Wire & { readonly socket: TLSSocket }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, ca: root.cert, servername: 'localhost', allowHalfOpen: true, ...options } as ConnectionOptions)
    onTestFinished(() => void socket.destroy())
    const wire = new Wire(socket) as Wire & { readonly socket: TLSSocket }
    socket.once('secureConnect', () => resolve(wire))
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed before the handshake was over')))
  })
}

/** What the openssl program says of a connection, its request and the answer. */
export function openssl(port: number, input: string, ...more: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', root.certPath, '-ign_eof', ...more]
    const child = execFile('openssl', args, { timeout: 30_000 }, (_error, stdout, stderr) => resolve(stdout + stderr))
    // It may have given up before it reads this.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
