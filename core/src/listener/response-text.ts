// A response's head as text. The only place where a response becomes text, so everything in it is checked here.
import { STATUS_CODES } from 'node:http'
import { field, fieldKind, isFieldValue } from '../fields.ts'
import { lowerName, type Headers } from '../headers.ts'

/** How the client finds the end of the body: by a length, by chunks, by the end of the connection; or there is none. */
export type ResponseFraming = number | 'chunked' | 'close' | 'none'

export interface ResponseText {
  /** Last line ends included. */
  readonly text: string
  readonly framing: ResponseFraming
}

/** What the connection has to say in it. */
export interface ResponseManner {
  /** HTTP/1.0: it knows no chunks. */
  readonly http10: boolean
  /** There is no body, whatever the fields say. */
  readonly bodyless: boolean
  /** This response is the last one on the connection. */
  readonly last: boolean
  /** The fields that say that it is not, line ends included. */
  readonly keepAlive: string
}

const noReason = /[^\t\x20-\x7e\x80-\xff]/

/** The head; undefined if a filter has put something into it that HTTP cannot carry. */
export function writeResponseHead(status: number, reason: string, headers: Headers, manner: ResponseManner): ResponseText | undefined {
  if (!Number.isInteger(status) || status < 200 || status > 999) return undefined
  let text = `HTTP/1.1 ${status} ${toReason(status, reason)}\r\n`
  let length: string | undefined
  let dated = false
  const list = headers.toList()
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    const kind = fieldKind(name)
    if (kind === field.invalid || !isFieldValue(value)) return undefined
    if (kind >= field.host && kind <= field.hop) {
      // A filter cannot frame the message but by its length, nor change the connection: those fields are written below.
      if (kind === field.contentLength) {
        if (length !== undefined && length !== value) return undefined
        length = value
      }
      continue
    }
    if (name.length === 4 && lowerName(name) === 'date') dated = true
    text += `${name}: ${value}\r\n`
  }
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return undefined
  // RFC 9110 §6.6.1
  if (!dated) text += dateField()
  const framing = framingOf(length, manner)
  if (length !== undefined) text += `content-length: ${length}\r\n`
  else if (framing === 'chunked') text += 'transfer-encoding: chunked\r\n'
  text += manner.last || framing === 'close' ? 'connection: close\r\n\r\n' : manner.keepAlive
  return { text, framing }
}

function framingOf(length: string | undefined, { bodyless, http10 }: ResponseManner): ResponseFraming {
  if (bodyless) return 'none'
  if (length !== undefined) return Number(length)
  return http10 ? 'close' : 'chunked'
}

/** An endpoint's own reason phrase, if it has one that may be written. */
function toReason(status: number, reason: string): string {
  return reason === '' || noReason.test(reason) ? (STATUS_CODES[status] ?? '') : reason
}

let dateSecond = 0
let dateText = ''

/** hot: made once a second (bench small) */
function dateField(): string {
  const second = Math.floor(Date.now() / 1_000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = `date: ${new Date(second * 1_000).toUTCString()}\r\n`
  }
  return dateText
}
