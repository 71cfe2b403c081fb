// TLS towards the endpoints of a service: whom to expect there, what to show them, and the sessions to go on with.
import { isIP, type OnReadOpts } from 'node:net'
import { checkServerIdentity, connect, createSecureContext, type PeerCertificate, type SecureContext, type TLSSocket } from 'node:tls'
import type { Endpoint } from '../../endpoint.ts'
import { MeshError, messageOf } from '../../errors.ts'
import { parseCertificates } from '../../identity/material.ts'
import type { TlsMaterial } from '../../questions.ts'
import type { TransportTls } from '../options.ts'

/** A ticket that holds a long chain of client certificates may have some kilobytes; nobody needs more. */
const maxSessionBytes = 16_384

/** How much of a stranger's words goes into a log. */
const maxWords = 300

/** Nothing is verified when it is resumed, so it ends with the certificate that was. */
interface Session {
  readonly ticket: Buffer
  /** Milliseconds since 1970. */
  readonly untilMs: number
}

export class UpstreamTls {
  readonly #tls: TransportTls
  #material: TlsMaterial | undefined = undefined
  #context: SecureContext | undefined = undefined
  /** The last session of each endpoint. It vouches for what was verified then, so it is only good for the same roots and keys. */
  #sessions = new WeakMap<Endpoint, Session>()

  /** @throws MESH_BAD_OPTIONS for what could never work, or would not verify anything */
  constructor(tls: TransportTls) {
    checkTls(tls)
    this.#tls = tls
  }

  /**
   * Begins to connect; certificate and key are those that the identity holds now.
   * @param onread where to read to; undefined: 'data' is emitted
   * @param protocols to offer by ALPN; the same each time, as sessions remember what was chosen
   */
  connect(endpoint: Endpoint, onread: OnReadOpts | undefined, protocols: readonly string[] = ['http/1.1']): TLSSocket {
    const { host, port } = endpoint
    const { serverName = isIP(host) === 0 ? host : '', verify = true, sans } = this.#tls
    const secureContext = this.#renewed()
    const sessions = this.#sessions
    const last = sessions.get(endpoint)
    const session = last !== undefined && Date.now() < last.untilMs ? last.ticket : undefined
    // Nothing was verified that could expire, unless we are told below; a session that goes on has no certificate to be read.
    let untilMs = last?.untilMs ?? Infinity
    const socket = connect({
      host,
      port,
      secureContext,
      servername: serverName,
      ALPNProtocols: [...protocols],
      rejectUnauthorized: verify,
      checkServerIdentity: (name, certificate) => {
        untilMs = Date.parse(certificate.valid_to)
        return sans === undefined ? checkServerIdentity(name, certificate) : checkSans(certificate, sans)
      },
      ...(session !== undefined && { session }),
      ...(onread !== undefined && { onread }),
    })
    socket.on('session', (ticket) => void (ticket.byteLength <= maxSessionBytes && sessions.set(endpoint, { ticket, untilMs })))
    return socket
  }

  /** The context for what the identity holds now. Making one takes a millisecond or more, and it changes with each rotation only. */
  #renewed(): SecureContext {
    const material = this.#tls.identity?.material
    if (this.#context !== undefined && material === this.#material) return this.#context
    const [pair] = material?.certificates ?? []
    const ca = this.#tls.ca ?? material?.ca
    this.#context = createSecureContext({ ...(pair !== undefined && { key: pair.key, cert: pair.cert }), ...(ca !== undefined && { ca }) })
    this.#material = material
    this.#sessions = new WeakMap()
    return this.#context
  }
}

/** What went wrong, for logs: Node's code and words, which may quote the endpoint's certificate. */
export function tlsError(cause: NodeJS.ErrnoException): MeshError {
  const words = cause.code === undefined ? cause.message : `${cause.code}: ${cause.message}`
  return new MeshError('MESH_UPSTREAM_TLS', words.slice(0, maxWords), cause)
}

function checkTls({ serverName, verify, sans, ca }: TransportTls): void {
  if (serverName !== undefined && (serverName === '' || isIP(serverName) !== 0)) throw bad('serverName is a DNS name')
  if (sans !== undefined && (!Array.isArray(sans) || sans.length === 0 || sans.some((san) => typeof san !== 'string' || san === ''))) throw bad('sans is a list of one or more names')
  const address = (sans as readonly string[] | undefined)?.find((san) => isIP(san) !== 0)
  if (address !== undefined) throw bad(`sans are DNS names and URIs, and ${address} is an address: leave it out, an endpoint with that host is verified by it`)
  if (verify === false && (sans !== undefined || ca !== undefined)) throw bad('with verify: false nobody looks at ca and sans')
  if (ca === undefined) return
  try {
    parseCertificates(ca)
  } catch (thrown) {
    throw new MeshError('MESH_BAD_OPTIONS', `tls: ca: ${messageOf(thrown)}`, thrown)
  }
}

function bad(detail: string): MeshError {
  return new MeshError('MESH_BAD_OPTIONS', `tls: ${detail}`)
}

/** Does the certificate carry one of these names, exactly? The name that was connected to does not matter then. */
function checkSans(certificate: PeerCertificate, sans: readonly string[]): Error | undefined {
  const carried = altNames(certificate.subjectaltname ?? '')
  if (sans.some((san) => carried.has(san.includes('://') ? `URI:${san}` : `DNS:${san.toLowerCase()}`))) return undefined
  return new Error(`the certificate is for ${[...carried].join(', ') || 'nobody'}, none of whom is among sans`)
}

const altName = /([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,"]*))(?:, |$)/y

/** `DNS:a.example`, `URI:spiffe://a/b`, … of Node's text, which quotes values that could be taken for more than one. */
function altNames(text: string): Set<string> {
  const names = new Set<string>()
  altName.lastIndex = 0
  for (let match = altName.exec(text); match !== null; match = altName.exec(text)) {
    const [, kind, quoted, plain = ''] = match as unknown as [string, string, string | undefined, string | undefined]
    const value = quoted === undefined ? plain : (JSON.parse(quoted) as string)
    names.add(`${kind}:${kind === 'DNS' ? value.toLowerCase() : value}`)
    if (altName.lastIndex >= text.length) break
  }
  return names
}
