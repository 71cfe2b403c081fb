// TLS in front of a listener: which certificate for which name, which clients, and new keys without a new socket.
import { constants, X509Certificate } from 'node:crypto'
import type { Server } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import { createSecureContext, type DetailedPeerCertificate, type SecureContext, type SecureContextOptions, type Server as SecureServer, type TLSSocket } from 'node:tls'
import { MeshError } from '../errors.ts'
import { PeerCertificate, serverNamesOf } from '../identity/peer-certificate.ts'
import type { KeyPair, TlsMaterial } from '../questions.ts'
import type { ListenerSpec, ListenerTls } from '../spec.ts'

/** A listener's TLS options with every default filled in. */
export interface TlsSettings {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly clientCertificates: NonNullable<ListenerTls['clientCertificates']>
  readonly unknownServerName: NonNullable<ListenerTls['unknownServerName']>
}

const clientCertificateModes: readonly string[] = ['none', 'optional', 'required']

/** @throws MESH_BAD_OPTIONS for TLS options without an identity, or with values that mean nothing */
export function tlsSettings({ tls = {}, identity }: Partial<ListenerSpec>): TlsSettings | undefined {
  if (identity === undefined) {
    if (Object.keys(tls).length > 0) throw new MeshError('MESH_BAD_OPTIONS', 'a listener with tls options has no identity: it would speak plain HTTP')
    return undefined
  }
  const minVersion = `TLSv${tls.minVersion ?? '1.2'}`
  if (minVersion !== 'TLSv1.2' && minVersion !== 'TLSv1.3') throw new MeshError('MESH_BAD_OPTIONS', `tls.minVersion is 1.2 or 1.3, not ${tls.minVersion}`)
  const clientCertificates = tls.clientCertificates ?? 'none'
  // Code without types could ask for less than it thinks.
  if (!clientCertificateModes.includes(clientCertificates)) throw new MeshError('MESH_BAD_OPTIONS', `tls.clientCertificates is none, optional or required, not ${clientCertificates}`)
  return { minVersion, clientCertificates, unknownServerName: tls.unknownServerName ?? 'default' }
}

/** Sessions of one name may be resumed under another: all of them trust the same clients. */
const sessionIdContext = 'meshwright'

/** Made when it is asked for first: of many certificates most are asked for seldom, and each context takes tens of kilobytes. */
type LazyContext = () => SecureContext

interface Contexts {
  readonly exact: ReadonlyMap<string, LazyContext>
  /** By what stands behind the asterisk: `.example.com`. */
  readonly wildcard: ReadonlyMap<string, LazyContext>
}

/** What became of a handshake that was completed. */
export interface Admitted {
  /** The client's certificate; undefined: it has shown none, or may not stay. */
  readonly peer?: PeerCertificate
  /** Why it may not stay. */
  readonly refused?: string
}

export class TlsFront {
  readonly server: Server
  #settings: TlsSettings
  #material: TlsMaterial | undefined = undefined
  #contexts: Contexts = { exact: new Map(), wildcard: new Map() }

  constructor(settings: TlsSettings, handshakeMs: number, options: ServerOptions) {
    this.#settings = settings
    const server = createServer({
      ...options,
      // 0 would be Node's own two minutes.
      handshakeTimeout: handshakeMs === 0 ? 2 ** 31 - 1 : handshakeMs,
      ALPNProtocols: ['http/1.1'],
      sessionIdContext,
      SNICallback: (name, answer) => answer(null, this.choose(name)),
    })
    this.server = server
    this.#askForCertificates()
  }

  /**
   * Takes new keys for the connections that come from now on; those that are open keep theirs.
   * @throws Error if they cannot be used; the old ones stay then
   */
  use(material: TlsMaterial): void {
    this.#swap(material, this.#settings)
    this.#material = material
  }

  /** Would the keys do for these settings? @throws Error if not */
  check(settings: TlsSettings): void {
    if (this.#material !== undefined) checkUse(this.#material, settings)
  }

  /** New settings for the connections that come from now on. @throws Error if the keys do not do for them; the old ones stay then */
  replace(settings: TlsSettings): void {
    if (this.#material !== undefined) this.#swap(this.#material, settings)
    this.#settings = settings
    this.#askForCertificates()
  }

  /** The certificate for a name; undefined: the first one, or none if such a client is to be refused. */
  choose(name: string): SecureContext | undefined {
    const asked = name.toLowerCase().replace(/\.$/, '')
    const dot = asked.indexOf('.')
    const found = this.#contexts.exact.get(asked) ?? (dot < 1 ? undefined : this.#contexts.wildcard.get(asked.slice(dot)))
    return found?.()
  }

  /** The handshake is over: who is it, and may it stay? */
  admit(socket: TLSSocket): Admitted {
    if (this.#settings.clientCertificates === 'none') return {}
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return this.#settings.clientCertificates === 'required' ? { refused: 'no client certificate' } : {}
    // With `optional` Node lets a bad certificate pass: none is fine then, a bad one is not.
    if (!socket.authorized) return { refused: `client certificate: ${String(socket.authorizationError)}` }
    // Nothing is verified when a session is resumed, and each resumption brings a ticket for the next.
    if (certificate.validToDate.getTime() < Date.now()) return { refused: 'client certificate: CERT_HAS_EXPIRED' }
    try {
      return { peer: new PeerCertificate(certificate, () => intermediatesOf(socket)) }
    } catch (thrown) {
      return { refused: (thrown as Error).message }
    }
  }

  #swap(material: TlsMaterial, settings: TlsSettings): void {
    const first = checkUse(material, settings)
    const contexts = contextsOf(material, settings)
    // Without a key of its own the default refuses whoever no name was found for, with a TLS alert.
    const fallback = settings.unknownServerName === 'refuse' ? {} : first
    ;(this.server as unknown as SecureServer).setSecureContext({ ...common(material, settings), ...fallback })
    this.#contexts = contexts
  }

  /** Node looks these up for each connection. */
  #askForCertificates(): void {
    const { clientCertificates } = this.#settings
    Object.assign(this.server, { requestCert: clientCertificates !== 'none', rejectUnauthorized: clientCertificates === 'required' })
  }
}

/** What led from the client's certificate to a root, without either. */
function intermediatesOf(socket: TLSSocket): X509Certificate[] {
  const found: X509Certificate[] = []
  const leaf = socket.getPeerCertificate(true)
  // The last one is its own issuer.
  for (let one = leaf.issuerCertificate as DetailedPeerCertificate | undefined; one !== undefined && one !== one.issuerCertificate; one = one.issuerCertificate) {
    found.push(new X509Certificate(one.raw))
  }
  return found
}

/** @returns the pair that is shown by default */
function checkUse({ certificates, ca }: TlsMaterial, { clientCertificates }: TlsSettings): KeyPair {
  const [first] = certificates
  if (first === undefined) throw new Error('a listener needs a certificate')
  if (clientCertificates !== 'none' && ca === undefined) throw new Error('client certificates are asked for, and there is no ca to verify them with')
  return first
}

function common({ ca }: TlsMaterial, { minVersion, clientCertificates }: TlsSettings): SecureContextOptions {
  return {
    minVersion,
    sessionIdContext,
    // A client could have us compute keys for ever (CVE-2011-1473), and nobody needs it.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    honorCipherOrder: true,
    ...(clientCertificates === 'none' || ca === undefined ? {} : { ca }),
  }
}

/** A name that several certificates have belongs to the first of them. */
function contextsOf(material: TlsMaterial, settings: TlsSettings): Contexts {
  const exact = new Map<string, LazyContext>()
  const wildcard = new Map<string, LazyContext>()
  for (const { key, cert } of material.certificates) {
    let made: SecureContext | undefined
    const context = (): SecureContext => (made ??= createSecureContext({ ...common(material, settings), key, cert }))
    for (const name of serverNamesOf(new X509Certificate(cert))) {
      const [names, text] = name.startsWith('*.') ? [wildcard, name.slice(1)] : [exact, name]
      if (!names.has(text)) names.set(text, context)
    }
  }
  return { exact, wildcard }
}
