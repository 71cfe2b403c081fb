// A reply: an answer made here instead of by an endpoint.
import { Headers } from './headers.ts'

/** What a filter returns to answer an exchange itself. */
export interface Reply {
  /** 200..599. */
  readonly status: number
  readonly headers: Headers
  /** Sent whole; its length becomes Content-Length. */
  readonly body: Uint8Array
}

/** Is it a reply? A filter that is not type-checked may return anything. */
export function isReply(value: unknown): value is Reply {
  if (typeof value !== 'object' || value === null) return false
  const { status, headers, body } = value as Partial<Reply>
  return isStatus(status) && typeof headers?.clone === 'function' && body instanceof Uint8Array
}

function isStatus(status: unknown): boolean {
  return Number.isInteger(status) && (status as number) >= 200 && (status as number) <= 599
}

const encoder = new TextEncoder()
const empty = new Uint8Array(0)

/**
 * Makes a reply. A string body is sent as UTF-8 with `content-type: text/plain` unless the headers say otherwise.
 * @param status 200..599; anything else throws a RangeError
 */
export function reply(status: number, body?: string | Uint8Array, headers: Readonly<Record<string, string | readonly string[]>> = {}): Reply {
  if (!isStatus(status)) throw new RangeError(`a reply has a status from 200 to 599, not ${status}`)
  const fields = Headers.from(headers)
  if (typeof body === 'string' && !fields.has('content-type')) fields.append('content-type', 'text/plain; charset=utf-8')
  return { status, headers: fields, body: typeof body === 'string' ? encoder.encode(body) : (body ?? empty) }
}
