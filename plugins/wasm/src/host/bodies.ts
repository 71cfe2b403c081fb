// Whether messages have a body that is sent.
import type { Exchange, Reply, Response } from '@meshwright/core'

/** Nothing follows the head of a response. */
export function isBodyless({ request }: Exchange, { status, headers }: Response): boolean {
  return request.method === 'HEAD' || status === 204 || status === 304 || headers.get('content-length') === '0'
}

/** A body follows the head of a reply: in answer to HEAD it only says how long that would be. */
export function hasBody({ request }: Exchange, { body }: Reply): boolean {
  return body.byteLength > 0 && request.method !== 'HEAD'
}
