// Lists of texts as one text: it crosses between threads in a tenth of the time.
import type { ErrorCode, Reply, Request, Response } from '@meshwright/core'
import { Headers, MeshError } from '@meshwright/core/thread'
import type { SentError, SentReply } from './messages.ts'

const separator = '\0'

/** No field of a message has a NUL in it. */
export function packFields(headers: Headers): string {
  return headers.toList().join(separator)
}

export function unpackFields(packed: string): Headers {
  return new Headers(packed === '' ? [] : packed.split(separator))
}

export function packTrailers(trailers: Headers | undefined): string | undefined {
  return trailers === undefined ? undefined : packFields(trailers)
}

export function unpackTrailers(packed: string | undefined): Headers | undefined {
  return packed === undefined ? undefined : unpackFields(packed)
}

const requestParts = 5
const responseParts = 2

export function packRequest({ method, path, query, hasQuery, authority, headers }: Request): string {
  const head = `${method}\0${path}\0${query}\0${hasQuery ? '?' : ''}\0${authority}`
  return headers.size === 0 ? head : `${head}\0${packFields(headers)}`
}

/** Makes a request what was packed. */
export function applyRequest(packed: string, request: Request): void {
  const parts = packed.split(separator)
  request.method = parts[0] as string
  request.path = parts[1] as string
  request.query = parts[2] as string
  request.hasQuery = parts[3] === '?'
  request.authority = parts[4] as string
  replaceFields(request.headers, parts, requestParts)
}

export function packResponse({ status, reason, headers }: Response): string {
  return headers.size === 0 ? `${status}\0${reason}` : `${status}\0${reason}\0${packFields(headers)}`
}

export function applyResponse(packed: string, response: Response): void {
  const parts = packed.split(separator)
  response.status = Number(parts[0])
  response.reason = parts[1] as string
  replaceFields(response.headers, parts, responseParts)
}

function replaceFields(headers: Headers, parts: readonly string[], from: number): void {
  const names = new Set(headers.toList().filter((_text, at) => at % 2 === 0))
  for (const name of names) headers.delete(name)
  for (let at = from; at < parts.length; at += 2) headers.append(parts[at] as string, parts[at + 1] as string)
}

export function sendReply({ status, headers, body }: Reply): SentReply {
  return { status, headers: packFields(headers), body: owned(body) }
}

export function receiveReply({ status, headers, body }: SentReply): Reply {
  return { status, headers: unpackFields(headers), body }
}

export function sendError(thrown: unknown): SentError {
  if (thrown instanceof MeshError) return { code: thrown.code, detail: thrown.detail }
  return { code: undefined, detail: thrown instanceof Error ? thrown.message : 'something that is no error was thrown' }
}

export function receiveError({ code, detail }: SentError): Error {
  return code === undefined ? new Error(detail) : new MeshError(code satisfies ErrorCode, detail)
}

/** Bytes with memory of their own, which can be handed to another thread. */
export function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
