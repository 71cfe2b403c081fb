// A client that sends one request on a connection of its own and takes the whole answer.
import { Buffer } from 'node:buffer'
import { request } from 'node:http'
import { fieldsOf } from './endpoint.ts'

export interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** One character for each byte. */
  readonly body?: string
  readonly trailers?: Readonly<Record<string, string>>
}

export interface Answer {
  /** 0: the connection ended before there was a head. */
  readonly status: number
  readonly fields: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
  /** It ended before its end. */
  readonly cut: boolean
}

export function ask(port: number, { path = '/', method, headers = {}, body, trailers }: Asked): Promise<Answer> {
  return new Promise((resolve) => {
    const none: Answer = { status: 0, fields: [], body: '', trailers: [], cut: true }
    const framing: Record<string, string> = trailers === undefined ? (body === undefined ? {} : { 'content-length': String(body.length) }) : { 'transfer-encoding': 'chunked' }
    const sent = request({ host: '127.0.0.1', port, path, method: method ?? (body === undefined ? 'GET' : 'POST'), headers: { host: 'shop.example', ...headers, ...framing }, agent: false }, (response) => {
      let text = ''
      response.setEncoding('latin1').on('data', (part: string) => (text += part))
      const over = (cut: boolean): void => resolve({ status: response.statusCode ?? 0, fields: fieldsOf(response.rawHeaders), body: text, trailers: fieldsOf(response.rawTrailers), cut })
      response.on('end', () => over(false))
      response.on('error', () => over(true))
    })
    sent.on('error', () => resolve(none))
    if (trailers !== undefined) sent.addTrailers(trailers)
    sent.end(body === undefined ? undefined : Buffer.from(body, 'latin1'))
  })
}
