// A response head as it came off the wire, checked and freed of what belongs to the endpoint's connection.
import { MeshError } from '../errors.ts'
import { Response } from '../exchange.ts'
import { field, fieldKind, hasOption, isFieldValue, nominated, removeNominated } from '../fields.ts'
import { Headers } from '../headers.ts'

/** A checked head: the response and what its fields say about the connection. */
export interface ResponseHead {
  readonly response: Response
  /** Content-Length; undefined when there is none. */
  readonly contentLength: number | undefined
  readonly chunked: boolean
  /** The endpoint will close the connection, or has named no way to go on. */
  readonly close: boolean
  /** Seconds of `Keep-Alive: timeout=`; undefined when it does not say. */
  readonly keepAliveSeconds: number | undefined
  /** The protocol it switches to, lower case. */
  readonly upgrade: string | undefined
}

/** What one pass over the fields finds. */
class Found {
  length: string | undefined = undefined
  connection: string | undefined = undefined
  coding: string | undefined = undefined
  keepAlive: string | undefined = undefined
  upgrade: string | undefined = undefined
}

/**
 * @param raw name, value, name, value, …
 * @returns the head with end-to-end fields only, or MESH_UPSTREAM_PROTOCOL
 */
export function readResponseHead(status: number, reason: string, raw: readonly string[]): ResponseHead | MeshError {
  if (status < 100 || status > 999) return broken(`status ${status}`)
  const found = new Found()
  const list: string[] = []
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const value = raw[i + 1] as string
    const kind = fieldKind(name)
    // hot: most fields are plain
    if (kind === field.plain && isFieldValue(value)) list.push(name, value)
    else {
      const problem = sortField(kind, name, value, found, list)
      if (problem !== undefined) return broken(problem)
    }
  }
  return judge(status, reason, list, found)
}

function sortField(kind: number, name: string, value: string, found: Found, list: string[]): string | undefined {
  if (kind === field.invalid) return 'a field name is not a token'
  if (!isFieldValue(value)) return `field ${JSON.stringify(name.slice(0, 64))} has a control character`
  if (kind === field.contentLength) {
    if (!/^[0-9]{1,15}$/.test(value)) return 'Content-Length is not a number'
    if (found.length !== undefined && found.length !== value) return 'Content-Length fields differ'
    if (found.length === undefined) list.push(name, value)
    found.length = value
  } else if (kind === field.transferEncoding) found.coding = found.coding === undefined ? value : `${found.coding},${value}`
  else if (kind === field.connection) found.connection = found.connection === undefined ? value : `${found.connection},${value}`
  else if (kind === field.upgrade) found.upgrade = value
  else if (kind === field.hop) found.keepAlive = name.length === 10 ? value : found.keepAlive
  else if (kind !== field.te) list.push(name, value)
  return undefined
}

function judge(status: number, reason: string, list: string[], found: Found): ResponseHead | MeshError {
  const { coding, connection, length } = found
  // Blanks around it are gone; trim() would also take a no-break space for one, and see a coding where others see none.
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') return broken(`transfer coding ${JSON.stringify(coding.slice(0, 64))}`)
  if (coding !== undefined && length !== undefined) return broken('both Content-Length and Transfer-Encoding')
  const bodyless = status < 200 || status === 204
  if (bodyless && coding !== undefined) return broken(`Transfer-Encoding in a ${status}`)
  const names = connection === undefined ? undefined : nominated(connection)
  if (names !== undefined) removeNominated(list, names)
  const headers = new Headers(list)
  if (bodyless && length !== undefined) headers.delete('content-length')
  return {
    response: new Response(status, reason, headers),
    contentLength: length === undefined ? undefined : Number(length),
    chunked: coding !== undefined,
    close: connection !== undefined && connection !== 'keep-alive' && hasOption(connection, 'close'),
    keepAliveSeconds: found.keepAlive === undefined ? undefined : keepAliveOf(found.keepAlive),
    upgrade: found.upgrade?.toLowerCase(),
  }
}

function keepAliveOf(value: string): number | undefined {
  const seconds = /(?:^|[,\s])timeout=([0-9]{1,7})/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}

function broken(detail: string): MeshError {
  return new MeshError('MESH_UPSTREAM_PROTOCOL', detail)
}
