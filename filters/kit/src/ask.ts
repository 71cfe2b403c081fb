// A client for tests: one request on a connection of its own, its body in pieces if need be.
import { Buffer } from 'node:buffer'
import { request, type ClientRequest } from 'node:http'

export interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** One character for each byte; several are sent one after the other. */
  readonly body?: string | readonly string[]
  readonly trailers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** One character for each byte. */
  readonly body: string
  readonly trailers: Readonly<Record<string, string | undefined>>
}

export function ask(port: number, { path = '/', method, headers = {}, body, trailers }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunked = trailers === undefined ? {} : { 'transfer-encoding': 'chunked' }
    const all = { ...headers, ...chunked } as Record<string, string | string[]>
    const sent = request({ host: '127.0.0.1', port, path, method: method ?? (body === undefined ? 'GET' : 'POST'), headers: all, agent: false }, (response) => {
      let text = ''
      response.setEncoding('latin1').on('data', (part: string) => (text += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text, trailers: response.trailers }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.setNoDelay(true)
    send(sent, body, trailers).catch(reject)
  })
}

async function send(sent: ClientRequest, body: Asked['body'], trailers: Asked['trailers']): Promise<void> {
  if (trailers !== undefined) sent.addTrailers(trailers)
  const pieces = body === undefined ? [] : typeof body === 'string' ? [body] : body
  if (pieces.length === 1 && trailers === undefined) {
    sent.end(Buffer.from(pieces[0] ?? '', 'latin1'))
    return
  }
  for (const piece of pieces) await new Promise<void>((resolve) => sent.write(Buffer.from(piece, 'latin1'), () => resolve()))
  sent.end()
}
