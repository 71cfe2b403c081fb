// A response head as it came off the wire, checked and freed of what belongs to the endpoint's connection.
import { MeshError } from '../errors.ts'
import { Response } from '../exchange.ts'
import { field, fieldKind, isFieldValue, nominated, removeNominated } from '../fields.ts'
import { Headers } from '../headers.ts'

/**
 * @param raw name, value, name, value, …
 * @returns the response with its end-to-end fields, or MESH_UPSTREAM_PROTOCOL
 */
export function responseOf(status: number, reason: string, raw: readonly string[]): Response | MeshError {
  if (status < 100 || status > 999) return broken(`status ${status}`)
  const list: string[] = []
  let length: string | undefined
  let connection: string | undefined
  let coding: string | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    const kind = fieldKind(name)
    if (!isFieldValue(value)) return broken(`field ${JSON.stringify(name.slice(0, 64))} has a control character`)
    // hot: most fields are plain
    if (kind === field.plain) list.push(name, value)
    else if (kind === field.contentLength) {
      if (!/^[0-9]{1,15}$/.test(value)) return broken('Content-Length is not a number')
      if (length !== undefined && length !== value) return broken('Content-Length fields differ')
      if (length === undefined) list.push(name, value)
      length = value
    } else if (kind === field.transferEncoding) coding = coding === undefined ? value : `${coding},${value}`
    else if (kind === field.connection) connection = connection === undefined ? value : `${connection},${value}`
    else if (kind === field.invalid) return broken('a field name is not a token')
    else if (kind !== field.hop && kind !== field.upgrade && kind !== field.te) list.push(name, value)
  }
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') return broken(`transfer coding ${JSON.stringify(coding.slice(0, 64))}`)
  if (coding !== undefined && length !== undefined) return broken('both Content-Length and Transfer-Encoding')
  const names = connection === undefined ? undefined : nominated(connection)
  if (names !== undefined) removeNominated(list, names)
  const headers = new Headers(list)
  if (status === 204 || status < 200) headers.delete('content-length')
  return new Response(status, reason, headers)
}

function broken(detail: string): MeshError {
  return new MeshError('MESH_UPSTREAM_PROTOCOL', detail)
}
