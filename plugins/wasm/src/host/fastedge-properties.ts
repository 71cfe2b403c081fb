// Properties that guests of FastEdge know beside Envoy's: the parts of the URL, which they may also write, and so send a request elsewhere.
import type { Exchange, Request } from '@meshwright/core'
import { setTarget } from './message-fields.ts'
import { propertyText } from './property-value.ts'

/** Properties of a host that is not Envoy. */
export interface HostProperties {
  /**
   * The bytes of one; undefined: it is Envoy's, or there is none.
   * @param status of the response that the guest sees
   */
  read(exchange: Exchange, name: string, status: number | undefined): Uint8Array | undefined
  /** Whether it is one that belongs to the host: it can only be written by `write`. */
  owns(name: string): boolean
  /** Changes the request. Answers whether it may have that value, and whether it can be written at all. */
  write(request: Request, name: string, value: Buffer): boolean
}

const readable: Readonly<Record<string, (exchange: Exchange) => string>> = {
  'request.url': ({ request }) => urlOf(request),
  'request.uri': ({ request }) => urlOf(request),
  'request.path': ({ request }) => request.path,
  'request.extension': ({ request }) => extensionOf(request.path),
  'request.x_real_ip': ({ request }) => request.clientAddress,
}

const writable: Readonly<Record<string, (request: Request, value: Buffer) => boolean>> = {
  'request.url': setUrl,
  'request.uri': setUrl,
  'request.path': setPath,
  'request.host': setHost,
  'request.query': setQuery,
}

const readOnly: ReadonlySet<string> = new Set(['request.scheme', 'request.method', 'request.extension', 'request.x_real_ip', 'response.status'])

export const fastedgeProperties: HostProperties = {
  read(exchange, name, status) {
    if (name === 'response.status') return status === undefined ? undefined : Uint8Array.of(status >> 8, status & 0xff)
    return Object.hasOwn(readable, name) ? propertyText((readable[name] as (exchange: Exchange) => string)(exchange)) : undefined
  },
  owns: (name) => readOnly.has(name) || Object.hasOwn(writable, name),
  write: (request, name, value) => Object.hasOwn(writable, name) && (writable[name] as (request: Request, value: Buffer) => boolean)(request, value),
}

function urlOf({ scheme, authority, target }: Request): string {
  return `${scheme}://${authority}${target}`
}

/** Of the last part of a path, without the dot; empty: it has none. */
function extensionOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot + 1) : ''
}

/** A whole one, or one that begins at its path. How the client spoke stays as it is. */
function setUrl(request: Request, value: Buffer): boolean {
  const url = value.byteLength === 0 ? null : URL.parse(value.toString(), urlOf(request))
  if (url === null || !/^https?:$/.test(url.protocol)) return false
  request.authority = url.host
  setTarget(request, `${url.pathname}${url.search}`)
  return true
}

/** The query stays, unless the path brings one. */
function setPath(request: Request, value: Buffer): boolean {
  const path = value.toString('latin1')
  if (!path.startsWith('/')) return false
  if (path.includes('?')) setTarget(request, path)
  else request.path = path
  return true
}

function setHost(request: Request, value: Buffer): boolean {
  if (value.byteLength === 0) return false
  request.authority = value.toString('latin1')
  return true
}

function setQuery(request: Request, value: Buffer): boolean {
  request.query = value.toString('latin1')
  request.hasQuery = value.byteLength > 0
  return true
}
