// Makes a reply of what a guest answers instead of an endpoint.
import { Headers, type Exchange, type Reply } from '@meshwright/core'
import type { LocalResponse } from './context.ts'

/** Does the client speak gRPC? Then errors travel in fields and the status is 200. */
export function grpcReply({ request }: Exchange): boolean {
  return request.headers.get('content-type')?.startsWith('application/grpc') ?? false
}

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const badValue = /[\0\r\n]/

/** A status that HTTP does not have becomes a 500; fields that it cannot carry are left out. */
export function toReply({ status, body, headers, grpcStatus }: LocalResponse, grpc: boolean): Reply {
  const fields = new Headers()
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase()
    const value = headers[i + 1] as string
    if (token.test(name) && !badValue.test(value) && name !== 'content-length' && name !== 'transfer-encoding' && name !== 'connection') fields.append(name, value)
  }
  if (grpc) return toGrpc(fields, body, grpcStatus)
  if (body.byteLength > 0 && !fields.has('content-type')) fields.append('content-type', 'text/plain')
  return { status: status >= 200 && status <= 599 ? status : 500, headers: fields, body }
}

/** Trailers only: everything is in the head. */
function toGrpc(fields: Headers, body: Buffer, grpcStatus = 2): Reply {
  fields.set('content-type', 'application/grpc')
  fields.set('grpc-status', String(grpcStatus))
  if (body.byteLength > 0) fields.set('grpc-message', encodeURIComponent(body.toString('utf8')))
  return { status: 200, headers: fields, body: new Uint8Array(0) }
}
