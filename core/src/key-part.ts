// What tells requests apart where each client has a share of its own: route, client address, a header, a cookie, a query parameter.
import { isIPv6 } from 'node:net'
import { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'

/** Part of a key. A file says `address`, or `{ header: x-api-key }`. */
export type KeyPart = 'route' | 'address' | { readonly header: string } | { readonly cookie: string } | { readonly query: string }

/** Reads the part; undefined if the request has none, an empty one, or two: nobody knows which of them the endpoint would believe. */
export type ReadKeyPart = (exchange: Exchange) => string | undefined

export interface KeyPartOptions {
  /** The bits of an IPv6 address that tell clients apart, 1..128; default 64: who has one network has all of its addresses. */
  readonly ipv6Prefix?: number
}

/**
 * Compiles a part of a key.
 * - `route`: the name of the route, which is host and path of its first match if it was given none; requests without a route have none.
 * - `address`: the client's address as the listener's `trustedHops` conclude it; of IPv6 its network.
 * - `header`: the value of a request header; its name is compared without regard to case.
 * - `cookie`, `query`: the value, percent-decoded, so that two spellings are one key.
 * @throws MESH_BAD_OPTIONS
 */
export function keyPart(part: KeyPart, options: KeyPartOptions = {}): ReadKeyPart {
  const { ipv6Prefix = 64 } = options
  if (!Number.isInteger(ipv6Prefix) || ipv6Prefix < 1 || ipv6Prefix > 128) throw new MeshError('MESH_BAD_OPTIONS', `ipv6Prefix is a whole number from 1 to 128, not ${ipv6Prefix}`)
  if (part === 'route') return ({ route }) => route?.name
  if (part === 'address') return addressReader(ipv6Prefix)
  if (typeof part !== 'object' || part === null) throw new MeshError('MESH_BAD_OPTIONS', `a key has no part ${JSON.stringify(part)}`)
  if ('header' in part) return headerReader(checkName(part.header))
  if ('cookie' in part) return cookieReader(checkName(part.cookie))
  if ('query' in part) return queryReader(checkName(part.query))
  throw new MeshError('MESH_BAD_OPTIONS', `a key has no part ${JSON.stringify(part)}`)
}

function checkName(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name
  throw new MeshError('MESH_BAD_OPTIONS', 'the header, cookie or parameter of a key has a name')
}

/** How many networks are kept; those of an address do not change, so all may be forgotten at any time. */
const maxKnownNetworks = 4096

function addressReader(ipv6Prefix: number): ReadKeyPart {
  const known = new Map<string, string>()
  return ({ request }) => {
    const address = request.clientAddress
    if (!address.includes(':')) return address === '' ? undefined : address
    // hot: 30 ns for a network that is known, 4 µs for a new one (bench of the plugin rate-limit)
    const found = known.get(address)
    if (found !== undefined) return found
    const network = toNetwork(address, ipv6Prefix)
    if (known.size >= maxKnownNetworks) known.clear()
    known.set(address, network)
    return network
  }
}

/** An IPv6 address without all but its first bits, each network in one spelling; whatever is none stays itself. */
export function toNetwork(address: string, bits: number): string {
  const groups = toGroups(address)
  if (groups === undefined) return address
  return groups.map((group, i) => (group & maskOf(bits - i * 16)).toString(16)).join(':')
}

function maskOf(bits: number): number {
  return bits >= 16 ? 0xffff : bits <= 0 ? 0 : (0xffff << (16 - bits)) & 0xffff
}

function toGroups(address: string): number[] | undefined {
  const [plain = ''] = address.split('%')
  if (!isIPv6(plain)) return undefined
  const [head = '', tail] = plain.split('::')
  const [first, last] = [groupsOf(head), groupsOf(tail ?? '')]
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
}

/** The dotted end of an address counts for two groups. */
function groupsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

function headerReader(name: string): ReadKeyPart {
  const { length } = name
  const lower = name.toLowerCase()
  return ({ request }) => {
    const list = request.headers.toList()
    let value: string | undefined
    for (let i = 0; i < list.length; i += 2) {
      const candidate = list[i] as string
      if (candidate.length !== length || (candidate !== name && candidate.toLowerCase() !== lower)) continue
      if (value !== undefined) return undefined
      value = list[i + 1]
    }
    return value === '' ? undefined : value
  }
}

function queryReader(name: string): ReadKeyPart {
  return ({ request: { query } }) => {
    if (query === '') return undefined
    if (!query.includes('%') && !query.includes('+')) return only(query, '&', name)
    const [value, another] = new URLSearchParams(query).getAll(name)
    return another === undefined && value !== '' ? value : undefined
  }
}

function cookieReader(name: string): ReadKeyPart {
  const readField = headerReader('cookie')
  return (exchange) => {
    const field = readField(exchange)
    if (field === undefined) return undefined
    const value = only(field, ';', name)
    if (value === undefined) return undefined
    const bare = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
    return decoded(bare) || undefined
  }
}

/** The value of the only `name=value` between separators; blanks around it do not count. */
function only(list: string, separator: string, name: string): string | undefined {
  let value: string | undefined
  for (let from = 0; from <= list.length; ) {
    const end = list.indexOf(separator, from)
    const to = end < 0 ? list.length : end
    while (list.charCodeAt(from) === 32) from++
    if (list.startsWith(name, from) && list.charCodeAt(from + name.length) === 61 && from + name.length < to) {
      if (value !== undefined) return undefined
      value = list.slice(from + name.length + 1, to).trim()
    }
    from = to + 1
  }
  return value === '' ? undefined : value
}

function decoded(value: string): string {
  if (!value.includes('%')) return value
  try {
    return decodeURIComponent(value)
  } catch {
    // Not an encoding: endpoints take it as it stands.
    return value
  }
}
