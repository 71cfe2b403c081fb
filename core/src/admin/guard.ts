// Keeps web pages away from the admin API: a browser on this machine can reach its address as well as anyone.
import { isIP } from 'node:net'

/** The parts of a request that say who sends it. */
export interface Claims {
  readonly host?: string | undefined
  readonly origin?: string | undefined
  readonly 'sec-fetch-site'?: string | undefined
}

/**
 * Makes the check of one admin address; it answers why a request is refused, or undefined.
 * A name in Host that is not ours may be somebody's who has pointed it here (DNS rebinding); an address cannot be.
 * An Origin that is not this server is a page that could post to us without ever reading the answer.
 * @param configured the host that the admin listens on
 * @param names further hosts by which it is reached
 */
export function adminGuard(configured: string, names: readonly string[] = []): (headers: Claims) => string | undefined {
  const own = bare(configured)
  const known = new Set([own, ...names.map(bare)])
  const anyAddress = own === '0.0.0.0' || own === '::'
  return (headers) => {
    const host = hostOf(headers.host)
    if (host === undefined) return 'Host is missing or not host[:port]'
    if (!isLoopback(host) && !known.has(host) && !(anyAddress && isIP(host) !== 0)) return `Host "${host}" is not an address of the admin API`
    if (headers.origin !== undefined && hostAndPort(headers.origin) !== headers.host?.toLowerCase()) return 'Origin is another site'
    const site = headers['sec-fetch-site']
    return site === undefined || site === 'same-origin' || site === 'none' ? undefined : 'Sec-Fetch-Site is another site'
  }
}

function hostOf(header: string | undefined): string | undefined {
  const found = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/i.exec(header ?? '')?.[1]
  return found === undefined ? undefined : bare(found)
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '').toLowerCase()
}

/** Does only this machine reach it? @param host an address or a name, IPv6 without brackets */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function hostAndPort(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
