// Messages as tests write and read them: fields as plain objects, bodies as texts, bytes or chunks.
import { Buffer } from 'node:buffer'
import { Headers } from '@meshwright/core'

/** Fields by name; a list for a field that comes several times. */
export type TestFields = Readonly<Record<string, string | readonly string[]>>

/** A text is sent as UTF-8, a list chunk by chunk. */
export type TestBody = string | Uint8Array | readonly (string | Uint8Array)[]

/** A message as it has left the filter. */
export class PassedMessage {
  /** By name in lower case; several values of one name joined by a comma and a blank. */
  readonly headers: Readonly<Record<string, string>>
  /** Every field in order, names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** What has left of the body so far, in the pieces in which it left. */
  readonly chunks: Buffer[] = []
  /** There when the whole message has left and has some. */
  trailers: Readonly<Record<string, string>> | undefined = undefined
  /** Whether the whole body has left. */
  complete = false

  constructor(headers: Headers) {
    this.fields = fieldList(headers)
    this.headers = joined(this.fields)
  }

  /** The body, whatever of it has left. */
  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }

  /** The same as text. */
  get body(): string {
    return this.bytes.toString()
  }
}

/** What has gone on to the endpoint. */
export class SentRequest extends PassedMessage {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly authority: string

  constructor({ method, target, authority, headers }: { readonly method: string; readonly target: string; readonly authority: string; readonly headers: Headers }) {
    super(headers)
    this.method = method
    this.path = target
    this.authority = authority
  }
}

/** What the client gets. */
export class ReceivedResponse extends PassedMessage {
  readonly status: number

  constructor(status: number, headers: Headers) {
    super(headers)
    this.status = status
  }
}

export function chunksOf(body: TestBody | undefined): Uint8Array[] {
  if (body === undefined) return []
  return (Array.isArray(body) ? (body as readonly (string | Uint8Array)[]) : [body as string | Uint8Array]).map((piece) => Buffer.from(piece as string))
}

export function toHeaders(fields: TestFields | undefined): Headers {
  return Headers.from(fields ?? {})
}

function fieldList(headers: Headers): [string, string][] {
  const list = headers.toList()
  return Array.from({ length: list.length / 2 }, (_, at) => [(list[at * 2] as string).toLowerCase(), list[at * 2 + 1] as string])
}

function joined(fields: readonly (readonly [string, string])[]): Record<string, string> {
  const record: Record<string, string> = {}
  for (const [name, value] of fields) record[name] = Object.hasOwn(record, name) ? `${record[name]}, ${value}` : value
  return record
}

/** Fields as plain data. */
export function plainFields(headers: Headers | undefined): Record<string, string> | undefined {
  return headers === undefined ? undefined : joined(fieldList(headers))
}
