// Turns a request's head into our Request, and refuses what an intermediary must not pass on.
import type { ErrorCode } from '../errors.ts'
import { MeshError } from '../errors.ts'
import { Request, type ClientConnection } from '../exchange.ts'
import { field, fieldKind, hasOption, nominated, removeNominated } from '../fields.ts'
import type { Trust } from '../forwarded.ts'
import { Headers, lowerName } from '../headers.ts'
import { normalizePath } from '../path.ts'
import type { ListenerSpec, PathPolicy } from '../spec.ts'
import { forwardedClientCert, type XfccConnection, type XfccPolicy } from './xfcc.ts'

/** What a listener decides once for all of its requests. */
export interface IntakePolicy {
  readonly path: Required<PathPolicy>
  readonly underscores: NonNullable<ListenerSpec['underscores']>
  readonly headerCount: number
  readonly urlLength: number
  readonly trust: Trust
  readonly secure: boolean
  /** What becomes of X-Forwarded-Client-Cert. */
  readonly xfcc: XfccPolicy
  /** This mesh's own name in Via, for finding loops. */
  readonly pseudonym: string
}

/** A head as a parser made it: ours, or node:http's. */
export interface IncomingHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
  /** name, value, name, value, … */
  readonly rawHeaders: readonly string[]
}

/** Where it came from. */
export interface IncomingConnection extends ClientConnection {
  readonly remoteAddress?: string | undefined
}

/** A request, how its body is framed, and the reason to refuse it. Made even of a bad request, so that it can be logged. */
export interface Intake {
  readonly request: Request
  /** Content-Length; undefined when there is none. */
  readonly contentLength: number | undefined
  readonly hasBody: boolean
  /** Another request may follow on the connection. */
  readonly keepAlive: boolean
  /** Max-Forwards says that it is to be answered here. */
  readonly lastHop: boolean
  readonly error: MeshError | undefined
}

/** What one pass over the fields finds. One shape for every request. */
class Found {
  host: string | undefined = undefined
  hosts = 0
  connection: string | undefined = undefined
  contentLength: string | undefined = undefined
  transferEncoding: string | undefined = undefined
  te: string | undefined = undefined
  upgrade: string | undefined = undefined
  upgrades = 0
  expect: string | undefined = undefined
  via: string | undefined = undefined
  requestId: string | undefined = undefined
  maxForwards: string | undefined = undefined
  forwarded: string[] | undefined = undefined
  clientCert: string | undefined = undefined
  code: ErrorCode | undefined = undefined
  detail: string | undefined = undefined

  /** The first fault counts; but a path that only no route may have does not hide what is wrong for everybody. */
  refuse(code: ErrorCode, detail: string): void {
    if (this.code !== undefined && this.code !== 'MESH_BAD_PATH') return
    this.code = code
    this.detail = detail
  }
}

/**
 * Reads the head of a request. Never throws.
 * @param client who is there by certificate; undefined: nobody said
 * @param mayUpgrade an Upgrade may be carried out here
 */
export function takeIn(message: IncomingHead, connection: IncomingConnection, policy: IntakePolicy, client?: XfccConnection, mayUpgrade = false): Intake {
  const found = new Found()
  const list = sortFields(message.rawHeaders, found, policy)
  if (found.connection !== undefined) applyConnection(found.connection, list, found)
  checkVersion(message, found)
  const method = message.method ?? ''
  if (method === 'CONNECT' || method === 'TRACE') found.refuse('MESH_METHOD_REFUSED', method)
  const contentLength = checkFraming(message, found)
  const target = readTarget(message.url ?? '', method, found, policy)
  checkHost(target.authority, message.httpVersion, found)
  checkForwarding(method, list, found, policy)
  const peer = connection.remoteAddress ?? ''
  const origin = policy.trust.resolve(peer, found.forwarded, found.requestId)
  const authority = target.authority ?? found.host ?? ''
  const scheme = origin.scheme ?? (policy.secure ? 'https' : 'http')
  appendOwnFields(list, origin, authority, scheme, policy)
  const clientCert = forwardedClientCert(policy.xfcc, found.clientCert, client)
  if (clientCert !== undefined) list.push('x-forwarded-client-cert', clientCert)
  const http11 = message.httpVersion === '1.1'
  const hasBody = found.transferEncoding !== undefined || (contentLength !== undefined && contentLength > 0)
  const request = new Request({
    method,
    path: target.path,
    query: target.query,
    hasQuery: target.hasQuery,
    authority,
    scheme,
    headers: new Headers(list),
    version: http11 ? '1.1' : '1.0',
    peerAddress: peer,
    connection,
    peerCertificate: client?.peer,
    clientAddress: origin.clientAddress,
    id: origin.requestId,
    upgrade: mayUpgrade && http11 && found.upgrade !== undefined ? upgradeOf(found) : undefined,
    expectContinue: found.expect !== undefined && http11 && hasBody,
  })
  const error = found.code === undefined ? undefined : new MeshError(found.code, found.detail)
  return { request, contentLength, hasBody, keepAlive: keepsAlive(found.connection, http11), lastHop: method === 'OPTIONS' && found.maxForwards?.trim() === '0', error }
}

/**
 * The protocol of an upgrade that we may carry: one without a body, to a protocol other than HTTP itself. Bytes behind a body could
 * be taken for another request, and h2c would escape the chain. Everything else is an ordinary request (RFC 9110 §7.8).
 */
function upgradeOf(found: Found): string | undefined {
  if (found.upgrades !== 1 || found.contentLength !== undefined || found.transferEncoding !== undefined) return undefined
  if (found.connection === undefined || !hasOption(found.connection, 'upgrade')) return undefined
  const protocol = (found.upgrade as string).trim().toLowerCase()
  return protocolName.test(protocol) && !otherHttp.test(protocol) ? protocol : undefined
}

const protocolName = /^[!#$%&'*+\-.^_`|~0-9a-z]+(?:\/[!#$%&'*+\-.^_`|~0-9a-z]+)?$/
const otherHttp = /^(?:h2c?$|http\/)/

/** RFC 9112 §9.3: HTTP/1.1 does unless it says otherwise, HTTP/1.0 only if it says so. */
function keepsAlive(connection: string | undefined, http11: boolean): boolean {
  // hot: most say nothing, or the usual
  if (connection === undefined || connection === 'keep-alive') return http11 || connection !== undefined
  return http11 ? !hasOption(connection, 'close') : hasOption(connection, 'keep-alive') && !hasOption(connection, 'close')
}

/** One pass: ordinary fields go to the new list, the others are looked at. */
function sortFields(raw: readonly string[], found: Found, policy: IntakePolicy): string[] {
  const list: string[] = []
  if (raw.length / 2 > policy.headerCount) found.refuse('MESH_TOO_MANY_HEADERS', `more than ${policy.headerCount}`)
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    const kind = fieldKind(name)
    // hot: most fields are plain
    if (kind === field.plain || kind === field.trailer) list.push(name, value)
    else sortField(kind, name, value, list, found, policy)
  }
  return list
}

function sortField(kind: number, name: string, value: string, list: string[], found: Found, policy: IntakePolicy): void {
  switch (kind) {
    case field.host:
      found.hosts++
      found.host ??= value
      return
    case field.connection:
      found.connection = found.connection === undefined ? value : `${found.connection},${value}`
      return
    case field.contentLength:
      if (found.contentLength !== undefined) found.refuse('MESH_BAD_FRAMING', 'more than one Content-Length')
      found.contentLength = value
      return
    case field.transferEncoding:
      found.transferEncoding = found.transferEncoding === undefined ? value : `${found.transferEncoding},${value}`
      return
    case field.te:
      found.te = found.te === undefined ? value : `${found.te},${value}`
      return
    case field.upgrade:
      found.upgrade = value
      found.upgrades++
      return
    case field.expect:
      found.expect = value
      return
    case field.forwarded:
      found.forwarded ??= []
      found.forwarded.push(name, value)
      return
    case field.requestId:
      found.requestId ??= value
      return
    case field.via:
      found.via = found.via === undefined ? value : `${found.via},${value}`
      list.push(name, value)
      return
    case field.maxForwards:
      found.maxForwards ??= value
      list.push(name, value)
      return
    case field.underscore:
      if (policy.underscores === 'reject') found.refuse('MESH_BAD_HEADER', `field name with an underscore: ${name}`)
      else if (policy.underscores === 'allow' && !isClientCertInDisguise(name, policy)) list.push(name, value)
      return
    case field.clientCert:
      found.clientCert = found.clientCert === undefined ? value : `${found.clientCert},${value}`
      return
    case field.invalid:
      found.refuse('MESH_BAD_HEADER', 'a field name is not a token')
      return
    default: // field.hop: meant for this connection only
  }
}

/** For many an endpoint X_Forwarded_Client_Cert is the same field. */
function isClientCertInDisguise(name: string, { xfcc }: IntakePolicy): boolean {
  return xfcc.mode !== 'always-forward-only' && name.replaceAll('_', '-').toLowerCase() === 'x-forwarded-client-cert'
}

/** RFC 9110 §7.6.1: what Connection names goes no further. Done before our own fields are added, so it cannot name them. */
function applyConnection(connection: string, list: string[], found: Found): void {
  const names = nominated(connection)
  if (names !== undefined) removeNominated(list, names)
  if (names?.has('forwarded') || names?.has('x-forwarded-for')) found.forwarded = undefined
  if (names?.has('x-forwarded-client-cert')) found.clientCert = undefined
}

/** Parsers let every version of the form of one pass. */
function checkVersion(message: IncomingHead, found: Found): void {
  const { httpVersionMajor: major, httpVersionMinor: minor } = message
  if (major !== 1) found.refuse('MESH_BAD_VERSION', `HTTP/${message.httpVersion}`)
  else if (minor > 1) found.refuse('MESH_BAD_VERSION', `HTTP/${message.httpVersion}`)
}

/** RFC 9112 §6: exactly one way to tell where the body ends. */
function checkFraming(message: IncomingHead, found: Found): number | undefined {
  if (found.transferEncoding !== undefined) {
    if (found.contentLength !== undefined) found.refuse('MESH_BAD_FRAMING', 'both Content-Length and Transfer-Encoding')
    else if (message.httpVersionMinor === 0) found.refuse('MESH_BAD_FRAMING', 'Transfer-Encoding in HTTP/1.0')
    else if (found.transferEncoding.toLowerCase() !== 'chunked') found.refuse('MESH_UNKNOWN_CODING', 'only chunked is understood')
    return undefined
  }
  if (found.contentLength === undefined) return undefined
  if (!/^[0-9]{1,15}$/.test(found.contentLength)) {
    found.refuse('MESH_BAD_FRAMING', 'Content-Length is not a number')
    return undefined
  }
  return Number(found.contentLength)
}

type Target = { authority: string | undefined; path: string; query: string; hasQuery: boolean }

/** RFC 9112 §3.2: origin-form, absolute-form (whose authority wins over Host), or `*` for OPTIONS. */
function readTarget(url: string, method: string, found: Found, policy: IntakePolicy): Target {
  if (url.length > policy.urlLength) found.refuse('MESH_URL_TOO_LONG', `more than ${policy.urlLength} characters`)
  if (url === '*') {
    if (method !== 'OPTIONS') found.refuse('MESH_BAD_PATH', 'asterisk-form is for OPTIONS')
    return { authority: undefined, path: '*', query: '', hasQuery: false }
  }
  const absolute = url.startsWith('/') ? undefined : /^https?:\/\/([^/?#]*)(.*)$/is.exec(url)
  if (absolute === null) {
    found.refuse('MESH_BAD_PATH', 'the target is neither a path nor an http URL')
    return { authority: undefined, path: '/', query: '', hasQuery: false }
  }
  const rest = absolute === undefined ? url : (absolute[2] as string)
  const cut = rest.indexOf('?')
  const path = cut < 0 ? rest : rest.slice(0, cut)
  const query = cut < 0 ? '' : rest.slice(cut + 1)
  if (!isTargetText(rest)) found.refuse('MESH_BAD_PATH', 'a character that a target may not have')
  const clean = found.code === undefined ? normalizePath(path === '' ? '/' : path, policy.path) : path
  if (clean === undefined) found.refuse('MESH_BAD_PATH', 'dot segments, escaped slashes or bad percent-encoding')
  return { authority: absolute?.[1], path: clean ?? path, query, hasQuery: cut >= 0 }
}

/** Visible ASCII without `#`, quotes, angle brackets, backslash, caret, backtick, braces and bar in the path; the query may be looser. */
function isTargetText(text: string): boolean {
  return !/[^\x21-\x7e]|#/.test(text)
}

const hostText = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?$/

function checkHost(targetAuthority: string | undefined, version: string, found: Found): void {
  if (found.hosts > 1) found.refuse('MESH_BAD_HOST', 'more than one Host')
  if (found.hosts === 0 && version === '1.1') found.refuse('MESH_BAD_HOST', 'no Host')
  if (found.host !== undefined && found.host !== '' && !hostText.test(found.host)) found.refuse('MESH_BAD_HOST', 'Host is not host[:port]')
  if (targetAuthority !== undefined && !hostText.test(targetAuthority)) found.refuse('MESH_BAD_HOST', 'the target has a bad authority')
}

/** Max-Forwards, loops, expectations and TE: what RFC 9110 §7.6, §10.1 ask of an intermediary. */
function checkForwarding(method: string, list: string[], found: Found, policy: IntakePolicy): void {
  if (found.via !== undefined && found.via.includes(policy.pseudonym)) found.refuse('MESH_LOOP', 'own name in Via')
  if (found.expect !== undefined && found.expect.trim().toLowerCase() !== '100-continue') found.refuse('MESH_EXPECTATION_FAILED', 'only 100-continue is known')
  if (found.te !== undefined && hasOption(found.te, 'trailers')) list.push('te', 'trailers')
  if (found.maxForwards === undefined || method !== 'OPTIONS' || !/^[0-9]{1,9}$/.test(found.maxForwards)) return
  const left = Number(found.maxForwards)
  if (left === 0) return
  for (let i = 0; i < list.length; i += 2) if (lowerName(list[i] as string) === 'max-forwards') list[i + 1] = String(left - 1)
}

function appendOwnFields(list: string[], origin: ReturnType<Trust['resolve']>, authority: string, scheme: string, policy: IntakePolicy): void {
  if (origin.kept !== undefined) for (const text of origin.kept) list.push(text)
  list.push(
    'x-forwarded-for', origin.forwardedFor,
    'x-forwarded-proto', scheme,
    'x-forwarded-host', origin.host ?? authority,
    'x-request-id', origin.requestId,
    'via', `1.1 ${policy.pseudonym}`,
  )
}
