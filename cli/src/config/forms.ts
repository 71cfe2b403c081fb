// The forms of addresses, ranges and names in a configuration; each says what is wrong, or nothing.
import { isIP, isIPv4, isIPv6 } from 'node:net'

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i
const longestHost = 253

function isName(host: string): boolean {
  return host.length <= longestHost && host.replace(/\.$/, '').split('.').every((part) => label.test(part))
}

/** An address of `host:port`. */
export interface HostPort {
  /** IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** Reads `host:port`; a text says what is wrong with it. Ports 0..65535; `:port` is every network. */
export function parseAddress(text: string): HostPort | string {
  const split = /^(?:\[(.*)\]|(.*?)):([^:]*)$/.exec(text)
  if (split === null) return isIPv6(text) ? `needs brackets and a port: [${text}]:8080` : `needs a port: ${text}:8080`
  const [, inBrackets, plain, digits] = split
  const host = inBrackets ?? plain ?? ''
  const port = Number(digits)
  if (!/^\d{1,5}$/.test(digits ?? '') || port > 65_535) return `has "${digits}" where a port from 0 to 65535 belongs`
  if (plain === '') return { host: '0.0.0.0', port }
  if (inBrackets !== undefined) return isIPv6(host) ? { host, port } : `has "${host}" where an IPv6 address belongs`
  if (host.includes('/')) return 'is written without a scheme or a path: host:port'
  if (host.includes(':')) return 'needs brackets around an IPv6 address: [::1]:8080'
  return isValidHost(host) ? { host, port } : `has "${host}" where a host name or an address belongs`
}

function isValidHost(host: string): boolean {
  return /^[\d.]+$/.test(host) ? isIPv4(host) : isName(host)
}

/** What is wrong with an address or a range in CIDR form; undefined if nothing is. */
export function rangeMistake(range: string): string | undefined {
  const [address = '', bits, ...more] = range.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return 'is not an address or a range such as 10.0.0.0/8'
  if (bits === undefined) return undefined
  const most = version === 4 ? 32 : 128
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most ? undefined : `has "${bits}" after the slash instead of 0 to ${most}`
}

/** Whether it is a token of RFC 9110 §5.6.2: the form of field names and methods. */
export function isToken(text: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)
}
