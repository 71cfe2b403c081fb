// X-Forwarded-Client-Cert: what the next hop is told about the client's certificate.
import type { X509Certificate } from 'node:crypto'
import { urisOf, type PeerCertificate } from '../identity/peer-certificate.ts'
import type { ClientCertificateKey, ClientCertificateMode, ListenerSpec } from '../spec.ts'

/** What a listener does with the field, in full. */
export interface XfccPolicy {
  readonly mode: ClientCertificateMode
  /** In the order in which they are written. */
  readonly keys: readonly ClientCertificateKey[]
}

/** The certificate of a client, and ours that it has seen, as one connection knows them. */
export interface XfccConnection {
  readonly peer: PeerCertificate
  own(): X509Certificate | undefined
}

const order: readonly ClientCertificateKey[] = ['By', 'Hash', 'Cert', 'Chain', 'Subject', 'URI', 'DNS']
const defaultKeys: readonly ClientCertificateKey[] = ['Hash', 'Subject', 'URI', 'DNS']

export function xfccPolicy(spec: ListenerSpec['forwardClientCertificate']): XfccPolicy {
  const { mode = 'sanitize', keys = defaultKeys } = typeof spec === 'string' ? { mode: spec } : (spec ?? {})
  return { mode, keys: order.filter((key) => keys.includes(key)) }
}

/**
 * The field as it is to be sent; undefined: it is not sent.
 * @param incoming as it arrived, several joined by commas
 * @param connection undefined: the client has shown no certificate
 * @source Envoy, forward_client_cert_details
 */
export function forwardedClientCert(policy: XfccPolicy, incoming: string | undefined, connection: XfccConnection | undefined): string | undefined {
  // hot: nearly every request of a listener without client certificates ends here
  if (connection === undefined) return policy.mode === 'always-forward-only' ? incoming : undefined
  switch (policy.mode) {
    case 'sanitize':
      return undefined
    case 'forward-only':
    case 'always-forward-only':
      return incoming
    case 'sanitize-set':
      return elementOf(policy, connection)
    case 'append-forward':
      return incoming === undefined || !mayPrecede(incoming) ? elementOf(policy, connection) : `${incoming},${elementOf(policy, connection)}`
  }
}

const closed: readonly RegExp[] = [/^(?:[^"]|"(?:[^"\\]|\\.)*")*$/, /^(?:[^"]|"(?:[^"\\]|\\"|\\(?!"))*")*$/]

/**
 * A quote that a client leaves open would swallow the element behind it, and the client's own would be the last one. It has
 * to be closed for those to whom a backslash escapes anything, and for those to whom it escapes a quote.
 */
function mayPrecede(incoming: string): boolean {
  return incoming.trim() !== '' && closed.every((form) => form.test(incoming))
}

const elements = new WeakMap<XfccConnection, { readonly policy: XfccPolicy; readonly text: string }>()

/** Made once per connection and policy. */
function elementOf(policy: XfccPolicy, connection: XfccConnection): string {
  const known = elements.get(connection)
  if (known !== undefined && known.policy === policy) return known.text
  const text = xfccElement(policy.keys, connection)
  elements.set(connection, { policy, text })
  return text
}

/** One element of the field: pairs by `;`, in the order of the keys. */
export function xfccElement(keys: readonly ClientCertificateKey[], connection: XfccConnection): string {
  return keys.flatMap((key) => pairsOf(key, connection)).join(';')
}

function pairsOf(key: ClientCertificateKey, connection: XfccConnection): string[] {
  const { peer } = connection
  switch (key) {
    case 'By': {
      const certificate = connection.own()
      return certificate === undefined ? [] : urisOf(certificate).map((uri) => `By=${quoted(uri)}`)
    }
    case 'Hash':
      return [`Hash=${peer.fingerprint}`]
    case 'Cert':
      return [`Cert="${encodeURIComponent(peer.pem)}"`]
    case 'Chain':
      return [`Chain="${encodeURIComponent(peer.chainPem)}"`]
    case 'Subject':
      return [`Subject="${inQuotes(peer.subject)}"`]
    case 'URI':
      // The key is there even without a URI, so that nobody takes another element's for this one's.
      return peer.uris.length === 0 ? ['URI='] : peer.uris.map((uri) => `URI=${quoted(uri)}`)
    case 'DNS':
      return peer.dnsNames.map((name) => `DNS=${quoted(name)}`)
  }
}

function quoted(value: string): string {
  return /[,;="]/.test(value) ? `"${inQuotes(value)}"` : value
}

/**
 * A quote gets its backslash unless RFC 2253 has given it one. A backslash of the text itself is written as the RFC's
 * hexadecimal pair: before the closing quote, some readers would take it for an escape and read on into the next pair.
 */
function inQuotes(value: string): string {
  return value.replace(/\\\\|\\"|"/g, (found) => (found === '\\\\' ? '\\5C' : '\\"'))
}
