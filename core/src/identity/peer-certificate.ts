// Who a client is by the certificate it has shown.
import type { X509Certificate } from 'node:crypto'

/** The certificate of the other end of a connection. It has been verified; made once per connection. */
export class PeerCertificate {
  /** URI names (SAN), in the order of the certificate. */
  readonly uris: readonly string[]
  /** DNS names (SAN), in the order of the certificate. */
  readonly dnsNames: readonly string[]
  /** The subject as RFC 2253 writes it: `CN=web,O=Acme`. May be empty. */
  readonly subject: string
  /** SHA-256 of the certificate, 64 lower-case hexadecimal digits. */
  readonly fingerprint: string
  /** Upper-case hexadecimal digits. */
  readonly serialNumber: string
  readonly validFrom: Date
  readonly validTo: Date
  readonly #certificate: X509Certificate
  readonly #intermediates: () => readonly X509Certificate[]

  /**
   * @param intermediates asked only when they are needed
   * @throws Error if a name has characters that could be taken for something else further on
   */
  constructor(certificate: X509Certificate, intermediates: () => readonly X509Certificate[] = () => []) {
    this.#certificate = certificate
    this.#intermediates = intermediates
    const names = alternativeNames(certificate.subjectAltName ?? '')
    this.uris = namesOf('URI', names)
    this.dnsNames = namesOf('DNS', names)
    this.subject = toRfc2253(certificate.subject)
    this.fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
    this.serialNumber = certificate.serialNumber
    this.validFrom = certificate.validFromDate
    this.validTo = certificate.validToDate
  }

  /** The name that policies go by: the first URI, else the first DNS name, else the subject. */
  get principal(): string {
    return this.uris[0] ?? this.dnsNames[0] ?? this.subject
  }

  /** The first URI that is a SPIFFE id, `spiffe://trust-domain/path`. */
  get spiffeId(): string | undefined {
    return this.uris.find((uri) => uri.startsWith('spiffe://'))
  }

  get pem(): string {
    return this.#certificate.toString()
  }

  /** The certificate and, behind it, the intermediates that led to a root as far as Node tells: Node 24 tells a server of none. */
  get chainPem(): string {
    return this.pem + this.#intermediates().map((one) => one.toString()).join('')
  }
}

interface Name {
  readonly kind: string
  readonly value: string
}

/** Node writes `DNS:a, URI:b`, and a value that has a comma, a quote or a control character as JSON. */
function alternativeNames(text: string): Name[] {
  return [...text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, kind = '', value = '']) => ({ kind, value: value.startsWith('"') ? String(JSON.parse(value)) : value }))
}

/** The URI names of a certificate; none of one that has bad ones. */
export function urisOf(certificate: X509Certificate): string[] {
  return alternativeNames(certificate.subjectAltName ?? '').filter(({ kind, value }) => kind === 'URI' && isPlain(value)).map(({ value }) => value)
}

/** The names a certificate is for: its DNS names, or its common name if it has no alternative names at all. Lower case. */
export function serverNamesOf(certificate: X509Certificate): string[] {
  const text = certificate.subjectAltName
  const names = text === undefined ? [/^CN=(.*)$/m.exec(certificate.subject ?? '')?.[1] ?? ''] : alternativeNames(text).filter(({ kind }) => kind === 'DNS').map(({ value }) => value)
  return names.map((name) => name.toLowerCase()).filter((name) => name !== '')
}

// A zero byte in a name has fooled many (CVE-2009-2408), and a quote or a backslash could end a quoted text early.
function isPlain(value: string): boolean {
  return !/[^\x21-\x7e]|["\\]/.test(value)
}

function namesOf(kind: string, names: readonly Name[]): string[] {
  const values = names.filter((name) => name.kind === kind).map(({ value }) => value)
  if (!values.every(isPlain)) throw new Error(`a ${kind} name of the certificate has characters that it may not have`)
  return values
}

/**
 * Node writes a subject one attribute a line from the most general to the most special, several in one place joined by
 * ` + `, and escapes as RFC 2253 does. The RFC wants it the other way round, and bytes beyond ASCII as hexadecimal pairs.
 */
function toRfc2253(subject: string | undefined): string {
  if (subject === undefined || subject === '') return ''
  // A plus sign of a value has a backslash in front of it.
  const places = subject.split('\n').map((line) => line.split(' + ').reverse().join('+'))
  const text = places.reverse().join(',')
  return text.replace(/[^\x20-\x7e]+/g, (some) => [...Buffer.from(some)].map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''))
}
