// An endpoint that answers as the path of a request says, and writes down what came.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Seen {
  readonly method: string
  readonly target: string
  /** Sorted by name, in lower case; `name: value`. */
  readonly fields: readonly string[]
  /** One character for each byte. */
  readonly body: string
  readonly trailers: readonly string[]
}

export interface Endpoint {
  readonly port: number
  readonly seen: Seen[]
  close(): Promise<void>
}

/** Names and values as they came on the wire, sorted by name: between different names the order says nothing. */
export function fieldsOf(raw: readonly string[]): string[] {
  const fields: { name: string; value: string }[] = []
  for (let i = 0; i < raw.length; i += 2) fields.push({ name: (raw[i] as string).toLowerCase(), value: raw[i + 1] as string })
  return fields.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).map(({ name, value }) => `${name}: ${value}`)
}

export async function endpoint(): Promise<Endpoint> {
  const seen: Seen[] = []
  const server = createServer((message, response) => {
    let body = ''
    message.setEncoding('latin1').on('data', (text: string) => (body += text))
    message.on('end', () => {
      seen.push({ method: message.method ?? '', target: message.url ?? '', fields: fieldsOf(message.rawHeaders), body, trailers: fieldsOf(message.rawTrailers) })
      answer(message, body, response)
    })
    message.on('error', () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: (server.address() as AddressInfo).port, seen, close }
}

function answer({ method, url = '' }: IncomingMessage, body: string, response: ServerResponse): void {
  response.sendDate = false
  response.setHeader('X-Endpoint', ['one', 'two'])
  switch (url.split('?')[0]) {
    case '/empty':
      return void response.writeHead(204).end()
    case '/missing':
      return void response.writeHead(404, { 'content-type': 'text/plain', 'content-length': '4' }).end('none')
    case '/trailers':
      response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-sum' })
      response.addTrailers({ 'x-sum': '42' })
      return void response.end('with trailers')
    case '/length':
      return void response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '5' }).end(method === 'HEAD' ? undefined : '12345')
    case '/cut':
      return void response.destroy()
    case '/never':
      return
    case '/html':
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>ada@example.org</p>')
    default:
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`${method} ${url} ${body}`)
  }
}
