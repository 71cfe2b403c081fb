// How a certificate of Redis is verified: with which roots, and for which name.
import { readFileSync } from 'node:fs'
import { parseCertificates } from '@meshwright/core'

export interface TlsFiles {
  /** Path of a PEM file with the roots to verify Redis with; read when the configuration is taken over. Default: those that Node trusts. */
  readonly ca?: string
  /** The name that its certificate must have, sent as SNI. Default: the host of the URL. */
  readonly serverName?: string
}

/** The same with the roots themselves. */
export interface TlsSettings {
  /** PEM. */
  readonly ca?: string
  readonly serverName?: string
}

/**
 * Reads what the options name; undefined if they say nothing of TLS.
 * @throws RangeError for a URL without TLS, Error for a file that cannot be read or has no certificate
 */
export function readTls({ url, ca, serverName }: TlsFiles & { readonly url: string }): TlsSettings | undefined {
  if (ca === undefined && serverName === undefined) return undefined
  if (!/^rediss:/i.test(url)) throw new RangeError('ca and serverName are for TLS: the url must begin with rediss://')
  return { ...(ca !== undefined && { ca: readRoots(ca) }), ...(serverName !== undefined && { serverName }) }
}

function readRoots(path: string): string {
  try {
    const pem = readFileSync(path, 'utf8')
    parseCertificates(pem)
    return pem
  } catch (cause) {
    throw new Error(`ca ${path}: ${(cause as Error).message}`, { cause })
  }
}
