// Foreign errors translated at the seam: whatever a client library or the system throws becomes an error of the table.
import { MeshError } from '../errors.ts'

const connecting: ReadonlySet<string> = new Set([
  'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL', 'EACCES', 'EPERM', 'EMFILE', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED',
])

/**
 * @param sent whether a connection was there
 * @param responded whether the response head had come
 */
export function toUpstreamError(error: Error & { code?: string }, sent: boolean, responded: boolean): MeshError {
  if (error instanceof MeshError) return error
  const code = error.code ?? ''
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || (code === 'ETIMEDOUT' && !sent)) return new MeshError('MESH_CONNECT_TIMEOUT', undefined, error)
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') return new MeshError('MESH_UPSTREAM_HEAD_TOO_LARGE', undefined, error)
  if (!sent && code === 'UND_ERR_INVALID_ARG') return new MeshError('MESH_BAD_HEADER', error.message, error)
  if (!sent || connecting.has(code)) return new MeshError('MESH_CONNECT_FAILED', code || error.message, error)
  if (isProtocolError(error, code, responded)) return new MeshError('MESH_UPSTREAM_PROTOCOL', error.message, error)
  return new MeshError('MESH_UPSTREAM_CLOSED', error.message, error)
}

function isProtocolError(error: Error, code: string, responded: boolean): boolean {
  // A head or chunk that breaks the rules is a breach; a stream that stops in the middle is a close.
  if (code === 'HPE_INVALID_EOF_STATE') return false
  if (code.startsWith('HPE_') || code === 'UND_ERR_INFO') return true
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return !responded
  return code === 'UND_ERR_SOCKET' && (error.message === 'bad response' || error.message === 'bad upgrade')
}
