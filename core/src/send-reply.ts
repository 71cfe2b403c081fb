// Sends a reply: an answer made here, whole and with its length.
import { MeshError } from './errors.ts'
import { Response, type Exchange } from './exchange.ts'
import type { Downstream } from './flow.ts'
import { problem } from './problem.ts'

/** Does no body follow, whatever the fields say (RFC 9110 §6.4.1)? */
export function isBodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/** Answers the exchange; nothing has been sent yet. A response that HTTP cannot carry becomes a 500. */
export function sendReply(body: Uint8Array, response: Response, exchange: Exchange, downstream: Downstream): void {
  const { status, headers } = response
  const bodyless = isBodyless(exchange.request.method, status)
  if (status !== 204 && status !== 304) headers.set('content-length', String(body.byteLength))
  if (!downstream.head(status, '', headers, bodyless)) return sendUnwritable(exchange, downstream)
  // Only now: a client that waits for its 100 must not be asked for a body that nobody wants.
  exchange.body?.discard(() => downstream.abort())
  if (!bodyless && body.byteLength > 0) {
    exchange.responseBytes += body.byteLength
    downstream.write(body)
  }
  downstream.end(undefined)
}

/** A plugin's reply that HTTP cannot carry. */
function sendUnwritable(exchange: Exchange, downstream: Downstream): void {
  exchange.error = new MeshError('MESH_FILTER_FAILED', 'a reply has header fields that cannot be written')
  const { status, headers, body } = problem(exchange.error, exchange.request.id)
  exchange.response = new Response(status, '', headers)
  sendReply(body, exchange.response, exchange, downstream)
}
