// Errors as clients see them: RFC 9457 problem details, with the code and nothing of what plugins or endpoints said.
import { errorKinds, type MeshError } from './errors.ts'
import { Headers } from './headers.ts'
import type { Reply } from './reply.ts'

const encoder = new TextEncoder()

/** The reply for an error, as `application/problem+json`. `detail` and `cause` stay here. Made anew each time: its headers may be added to. */
export function problem(error: MeshError, requestId: string): Reply {
  const { status, title } = errorKinds[error.code]
  const shown = status === 0 ? 500 : status
  const headers = new Headers(['content-type', 'application/problem+json'])
  if (error.retryAfterMs !== undefined) headers.append('retry-after', String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))))
  // What Envoys and their clients look for: nothing has been done about the request, for want of room.
  if (error.flag === 'UO') headers.append('x-envoy-overloaded', 'true')
  const body = { type: 'about:blank', title, status: shown, code: error.code, requestId }
  return {
    status: shown,
    headers,
    body: encoder.encode(`${JSON.stringify(body)}\n`),
  }
}
