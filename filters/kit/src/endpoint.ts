// An endpoint that writes down what comes to it.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What came. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** One character for each byte. */
  readonly body: string
  readonly trailers: Readonly<Record<string, string | undefined>>
}

export type Handler = (seen: Seen, response: ServerResponse) => void

/** Answers with method and target. */
export const echo: Handler = (seen, response) => void response.end(`${seen.method} ${seen.url}`)

/** Reads the whole request, then answers. */
export async function endpoint(handler: Handler, seen: Seen[]): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((message, response) => {
    let body = ''
    message.setEncoding('latin1').on('data', (text: string) => (body += text))
    message.on('end', () => {
      const one = { method: message.method ?? '', url: message.url ?? '', headers: message.headers, body, trailers: message.trailers }
      seen.push(one)
      handler(one, response)
    })
    message.on('error', () => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: (server.address() as AddressInfo).port, close }
}
