// Makes a reply of what a guest answers instead of an endpoint.
import type { Exchange, Reply } from '@meshwright/core'
import { Headers } from '@meshwright/core/thread'
import type { LocalResponse } from './context.ts'

/** Does the client speak gRPC? Then errors travel in fields and the status is 200. */
export function isGrpc({ request }: Exchange): boolean {
  return request.headers.get('content-type')?.startsWith('application/grpc') ?? false
}

/** The proxy writes these itself. */
const own: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'upgrade', 'trailer', 'te'])

/** A status that HTTP does not have becomes a 500. */
export function toReply({ status, body, headers, grpcStatus }: LocalResponse, grpc: boolean): Reply {
  const fields = new Headers()
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    if (!name.startsWith(':') && !own.has(name)) fields.append(name, headers[i + 1] as string)
  }
  if (grpc) return toGrpc(fields, body, grpcStatus ?? grpcStatusOf(status))
  if (body.byteLength > 0 && !fields.has('content-type')) fields.append('content-type', 'text/plain')
  return { status: status >= 200 && status <= 599 ? status : 500, headers: fields, body }
}

/** Trailers only: everything is in the head. */
function toGrpc(fields: Headers, body: Buffer, grpcStatus: number): Reply {
  fields.set('content-type', 'application/grpc')
  fields.set('grpc-status', String(grpcStatus))
  if (body.byteLength > 0) fields.set('grpc-message', percentEncoded(body))
  return { status: 200, headers: fields, body: new Uint8Array(0) }
}

/** As gRPC wants it: everything but printable ASCII, and the percent sign. */
function percentEncoded(body: Buffer): string {
  let text = ''
  for (const byte of body.subarray(0, maxMessageBytes)) {
    text += byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return text
}

const maxMessageBytes = 4_096

/** @source gRPC, "HTTP to gRPC Status Code Mapping" */
export function grpcStatusOf(status: number): number {
  switch (status) {
    case 400:
      return 13
    case 401:
      return 16
    case 403:
      return 7
    case 404:
      return 12
    case 429:
    case 502:
    case 503:
    case 504:
      return 14
    default:
      return 2
  }
}
