// Who the client is: which peers may say so, what of it is believed, and what we say in turn.
import { randomBytes } from 'node:crypto'
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { MeshError } from './errors.ts'

/** What is known about where a request came from, and what to tell the next hop about it. */
export interface Origin {
  /** The client's address without port or brackets; empty if even the peer's is not known. */
  readonly clientAddress: string
  /** What a trusted hop said about the client's connection; undefined: go by our own. */
  readonly scheme: 'http' | 'https' | undefined
  /** The Host that a trusted hop was asked for; undefined: go by the request's own. */
  readonly host: string | undefined
  /** X-Forwarded-For as it is to be sent. */
  readonly forwardedFor: string
  /** X-Request-Id as it is to be sent: a trusted hop's, or a new one. */
  readonly requestId: string
  /** Further fields to send, name, value, …: X-Forwarded-Port and X-Real-IP if a trusted hop sent them. Undefined: none. */
  readonly kept: readonly string[] | undefined
}

/**
 * Decides whom to believe. A peer is a trusted hop if its address is in the list; of anybody else nothing is believed:
 * `X-Forwarded-*`, `Forwarded`, `X-Real-IP` and `X-Request-Id` are written anew from the socket.
 *
 * From a trusted hop, X-Forwarded-For is kept and the peer appended. The client is the first address from the right that is not
 * trusted itself; if all are, the leftmost. What is not an address ends the search, and the last address before it counts.
 * X-Real-IP, if there, is rewritten to that client. `Forwarded` (RFC 7239) is never passed on, as hops that speak
 * X-Forwarded-* tend to hand on a client's unseen.
 */
export interface Trust {
  /** Whether an address (IPv4, IPv6, IPv4 mapped into IPv6) is in the list. Anything else is not. */
  trusts(address: string): boolean
  /**
   * Answers for one request. Never throws.
   * @param peer the socket's remote address; empty if there is none (a Unix socket, a closed connection)
   * @param fields the forwarded fields as they arrived: name, value, …, names in any case; undefined if there were none
   * @param requestId X-Request-Id as it arrived
   */
  resolve(peer: string, fields: readonly string[] | undefined, requestId: string | undefined): Origin
}

/** How far back X-Forwarded-For is followed. */
const maxHops = 64
/** How many addresses the answers for are kept. */
const maxKnown = 4096

/**
 * Compiles a list of trusted hops: addresses and CIDR ranges. Undefined or empty: nobody is trusted.
 * @throws MESH_BAD_OPTIONS, naming the element that is neither
 */
export function compileTrust(trustedHops: readonly string[] | undefined): Trust {
  if (trustedHops === undefined || trustedHops.length === 0) return { trusts: () => false, resolve: (peer, _fields, _requestId) => unbelieved(plainAddress(peer)) }
  return new TrustedHops(trustedHops)
}

function unbelieved(peer: string): Origin {
  return { clientAddress: peer, scheme: undefined, host: undefined, forwardedFor: peer === '' ? 'unknown' : peer, requestId: newRequestId(), kept: undefined }
}

class TrustedHops implements Trust {
  readonly #list = new BlockList()
  // hot: a look-up in a BlockList takes 1 µs and peers repeat; bounded, as X-Forwarded-For may name anybody
  readonly #known = new Map<string, boolean>()

  constructor(trustedHops: readonly string[]) {
    for (const [i, hop] of trustedHops.entries()) addRange(this.#list, hop, `trustedHops[${i}]`)
  }

  trusts(address: string): boolean {
    const known = this.#known.get(address)
    if (known !== undefined) return known
    const plain = plainAddress(address)
    const trusted = isIP(plain) !== 0 && this.#list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
    if (this.#known.size >= maxKnown) this.#known.clear()
    if (address.length <= 64) this.#known.set(address, trusted)
    return trusted
  }

  resolve(address: string, fields: readonly string[] | undefined, requestId: string | undefined): Origin {
    const peer = plainAddress(address)
    if (!this.trusts(peer)) return unbelieved(peer)
    const said = readFields(fields ?? [])
    const clientAddress = this.#findClient(peer, said.for)
    return {
      clientAddress,
      scheme: toScheme(said.proto),
      host: toHost(said.host),
      forwardedFor: said.for.trim() === '' ? peer : `${said.for}, ${peer}`,
      requestId: requestId !== undefined && saneId.test(requestId) ? requestId : newRequestId(),
      kept: toKept(said, clientAddress),
    }
  }

  #findClient(peer: string, forwardedFor: string): string {
    let client = peer
    let hops = 0
    for (let end = forwardedFor.length; end > 0 && hops < maxHops && this.trusts(client); hops++) {
      const comma = forwardedFor.lastIndexOf(',', end - 1)
      const address = toAddress(forwardedFor.slice(comma + 1, end))
      if (address === undefined) break
      client = address
      end = comma
    }
    return client
  }
}

/** What a hop has said, fields of one name joined in order. */
interface Said {
  for: string
  proto: string
  host: string
  port: string
  hasRealIp: boolean
}

function readFields(fields: readonly string[]): Said {
  const said: Said = { for: '', proto: '', host: '', port: '', hasRealIp: false }
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1] as string
    const name = (fields[i] as string).toLowerCase()
    if (name === 'x-forwarded-for') said.for = join(said.for, value)
    else if (name === 'x-forwarded-proto') said.proto = join(said.proto, value)
    else if (name === 'x-forwarded-host') said.host = join(said.host, value)
    else if (name === 'x-forwarded-port') said.port = join(said.port, value)
    else if (name === 'x-real-ip') said.hasRealIp = true
  }
  return said
}

function join(before: string, value: string): string {
  return before === '' ? value : `${before}, ${value}`
}

/** The last of a list is what the trusted hop itself has said. */
function lastOf(list: string): string {
  return list.slice(list.lastIndexOf(',') + 1).trim()
}

function toScheme(proto: string): 'http' | 'https' | undefined {
  const scheme = lastOf(proto).toLowerCase()
  return scheme === 'http' || scheme === 'https' ? scheme : undefined
}

const hostText = /^(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9._~-]{1,253})(?::[0-9]{1,5})?$/i

function toHost(list: string): string | undefined {
  const host = lastOf(list)
  return hostText.test(host) ? host : undefined
}

function toKept(said: Said, clientAddress: string): readonly string[] | undefined {
  const port = lastOf(said.port)
  const isPort = /^[0-9]{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
  if (!isPort && !said.hasRealIp) return undefined
  return [...(isPort ? ['x-forwarded-port', port] : []), ...(said.hasRealIp ? ['x-real-ip', clientAddress] : [])]
}

/** An element of X-Forwarded-For as an address: without spaces, brackets and port. Undefined if it is none. */
function toAddress(element: string): string | undefined {
  const text = element.trim()
  // A zone means something on the machine that wrote it only.
  if (text.length > 64 || text.includes('%')) return undefined
  if (isIP(text) !== 0) return plainAddress(text)
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\]|([^:]*))(?::[0-9]{1,5})?$/.exec(text) ?? []
  if (bracketed !== undefined && isIPv6(bracketed)) return plainAddress(bracketed)
  return dotted !== undefined && isIPv4(dotted) ? dotted : undefined
}

/** One spelling where two are common: IPv4 mapped into IPv6 is IPv4, and a zone is left out. */
function plainAddress(address: string): string {
  // hot: most addresses are IPv4 and have no colon in them
  if (!address.includes(':')) return address
  // hot: what a socket that listens on both families says. Whether it is an address is for the caller to check.
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice(7)
  const zone = address.indexOf('%')
  const bare = (zone < 0 ? address : address.slice(0, zone)).toLowerCase()
  return mappedIPv4(bare) ?? bare
}

function mappedIPv4(address: string): string | undefined {
  const [, tail = ''] = /^(?:::|(?:0{1,4}:){5})ffff:(.+)$/.exec(address) ?? []
  if (isIPv4(tail)) return tail
  const [, high, low] = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(tail) ?? []
  if (high === undefined || low === undefined) return undefined
  const bits = [parseInt(high, 16), parseInt(low, 16)]
  return bits.flatMap((pair) => [pair >> 8, pair & 0xff]).join('.')
}

function addRange(list: BlockList, hop: unknown, field: string): void {
  const [, text = '', bits] = /^([^/]*)(?:\/([0-9]{1,3}))?$/.exec(String(hop)) ?? []
  const mapped = plainAddress(text)
  const address = text.includes('%') ? '' : mapped
  const width = isIPv4(address) ? 32 : 128
  // `::ffff:10.0.0.0/104` counts the bits in front of the IPv4 address as well.
  const prefix = bits === undefined ? width : Number(bits) - (isIPv4(address) && text.includes(':') ? 96 : 0)
  if (isIP(address) === 0 || prefix < 0 || prefix > width) throw new MeshError('MESH_BAD_OPTIONS', `${field}: ${JSON.stringify(hop)} is neither an address nor a CIDR range`)
  list.addSubnet(address, prefix, width === 32 ? 'ipv4' : 'ipv6')
}

/** What the address of the client is concluded from when hops are counted instead of listed. */
export interface HopCount {
  /** Whether the peer counts as an address of its own, or is taken to be in X-Forwarded-For already. */
  readonly useRemoteAddress: boolean
  /** How many hops in front of us are trusted. */
  readonly hops: number
  readonly peer: string
  /** X-Forwarded-For as it arrived; undefined if there was none. */
  readonly xff: string | undefined
}

/**
 * The trusted client address where hops are counted instead of listed, for configurations that come from Envoy.
 * With `useRemoteAddress`: the peer without hops, else the `hops`-th address from the right. Without: the one left of `hops`
 * addresses. The peer, if X-Forwarded-For is too short or has no address in that place.
 *
 * A list of trusted hops says the same as `useRemoteAddress` with as many hops as there are trusted addresses in a row,
 * the peer included, counted from the peer to the left.
 * @source Envoy, xff_num_trusted_hops
 */
export function trustedAddress({ useRemoteAddress, hops, peer, xff }: HopCount): string {
  const place = useRemoteAddress ? hops : hops + 1
  const own = plainAddress(peer)
  if (place === 0 || place > maxHops) return own
  return toAddress((xff ?? '').split(',').at(-place) ?? '') ?? own
}

const saneId = /^[\x21-\x7e]{1,128}$/

// Eighty random bits tell processes and threads apart, the counter the requests of one.
const idPrefix = randomBytes(10).toString('hex')
let idCount = 0

/** A new request id: 20 hexadecimal digits, a dash and a number. Unique among all processes, not hard to guess. */
export function newRequestId(): string {
  // hot: 40 ns against 160 for a random UUID (bench forwarded)
  return `${idPrefix}-${(idCount++).toString(36)}`
}
