// A record: what the access log keeps of one exchange, copied so that nothing of the exchange lives on.
import type { Exchange, Headers } from '@meshwright/core'

/** Fields that are written only when asked for. */
export type ExtraField = 'query' | 'userAgent' | 'referer' | 'scheme' | 'version' | 'peer'

/** One line. Texts that are not known are "-", numbers that are not known null. */
export interface AccessRecord {
  /** pino's number of the level. */
  readonly level: number
  /** When the request head was there, in milliseconds since 1970. */
  readonly time: number
  readonly listener: string
  readonly route: string
  readonly service: string
  /** The endpoint of the last attempt, `host:port`. */
  readonly endpoint: string
  /** The client's address, looked for behind trusted hops. */
  readonly client: string
  readonly method: string
  readonly authority: string
  /** As the client sent it, without the query. */
  readonly path: string
  /** 0 when nothing was sent. */
  readonly status: number
  /** Envoy's response flags, separated by commas; `-`: none. */
  readonly flag: string
  /** The error code. */
  readonly code: string
  readonly attempts: number
  /** From the request head to the end. */
  readonly totalMs: number
  /** From the request head to the response head. */
  readonly firstByteMs: number | null
  /** From the beginning of the last attempt to the response head. */
  readonly upstreamMs: number | null
  readonly requestBytes: number
  readonly responseBytes: number
  readonly requestId: string
  query?: string
  userAgent?: string
  referer?: string
  scheme?: string
  version?: string
  peer?: string
  requestHeaders?: Readonly<Record<string, string>>
  responseHeaders?: Readonly<Record<string, string>>
}

/** What records contain beyond the ordinary. */
export interface RecordPlan {
  /** pino's number of the level. */
  readonly level: number
  readonly add: readonly ExtraField[]
  readonly requestHeaders: HeaderPlan | undefined
  readonly responseHeaders: HeaderPlan | undefined
}

/** Which header fields: lower-case names, and whether all others are wanted too. */
export interface HeaderPlan {
  readonly names: readonly string[]
  readonly all: boolean
}

const maxTextLength = 2048
const maxHeaders = 100

/** Fields that carry secrets: `*` shows that they were there, not what they said. */
const secret = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key', 'x-auth-token', 'x-csrf-token', 'x-forwarded-client-cert'])

/** Names of header fields as configured; undefined when there are none. */
export function toHeaderPlan(names: readonly string[]): HeaderPlan | undefined {
  if (names.length === 0) return undefined
  return { names: names.filter((name) => name !== '*').map((name) => name.toLowerCase()), all: names.includes('*') }
}

/** Copies what the plan asks for. */
export function toRecord(exchange: Exchange, plan: RecordPlan): AccessRecord {
  const { request, response, error, startedMs, headersMs, attemptMs, endedMs } = exchange
  const record: AccessRecord = {
    level: plan.level,
    time: Math.round(Date.now() - (endedMs - startedMs)),
    listener: exchange.listener,
    route: exchange.route?.name ?? '-',
    service: exchange.service?.name ?? '-',
    endpoint: exchange.endpoint?.address ?? '-',
    client: request.clientAddress,
    method: cut(request.method),
    authority: cut(request.authority),
    path: cut(request.originalPath),
    status: response?.status ?? 0,
    flag: flagOf(exchange),
    code: error?.code ?? '-',
    attempts: exchange.attempt,
    totalMs: toMicros(endedMs - startedMs),
    firstByteMs: headersMs === 0 ? null : toMicros(headersMs - startedMs),
    upstreamMs: headersMs === 0 || attemptMs === 0 || exchange.replied ? null : toMicros(headersMs - attemptMs),
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes,
    requestId: cut(request.id),
  }
  for (const field of plan.add) record[field] = cut(extra[field](exchange))
  if (plan.requestHeaders) record.requestHeaders = pickHeaders(request.headers, plan.requestHeaders)
  if (plan.responseHeaders && response) record.responseHeaders = pickHeaders(response.headers, plan.responseHeaders)
  return record
}

/** As Envoy writes them: that of the error, and behind a comma why nothing more was tried. */
function flagOf({ error, unretried }: Exchange): string {
  const own = error?.flag ?? '-'
  if (unretried === undefined) return own
  const more = unretried === 'attempts' ? 'URX' : 'UO'
  return own === '-' || own === more ? more : `${own},${more}`
}

const extra: Readonly<Record<ExtraField, (exchange: Exchange) => string>> = {
  query: ({ request }) => request.query,
  userAgent: ({ request }) => request.headers.get('user-agent') ?? '-',
  referer: ({ request }) => request.headers.get('referer') ?? '-',
  scheme: ({ request }) => request.scheme,
  version: ({ request }) => request.version,
  peer: ({ request }) => request.peerAddress,
}

/** Milliseconds to three decimals: what a clock can tell, in few digits. */
function toMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000
}

function cut(text: string): string {
  return text.length > maxTextLength ? text.slice(0, maxTextLength) : text
}

function pickHeaders(headers: Headers, plan: HeaderPlan): Record<string, string> {
  // Without a prototype: a field may be called __proto__.
  const picked = Object.create(null) as Record<string, string>
  for (const name of plan.names) if (headers.has(name)) picked[name] = cut(headers.getAll(name).join(', '))
  if (plan.all) addAll(headers, picked)
  return picked
}

function addAll(headers: Headers, picked: Record<string, string>): void {
  let left = maxHeaders
  for (const [field] of headers) {
    const name = field.toLowerCase()
    if (name in picked) continue
    if (left-- === 0) return
    picked[name] = secret.has(name) ? '[redacted]' : cut(headers.getAll(name).join(', '))
  }
}
