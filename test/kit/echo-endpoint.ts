// A real node:http server that tells what it received.
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { onTestFinished } from 'vitest'

/** What the echo endpoint answers, as JSON. */
export interface Echo {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly body: string
  readonly rawTrailers: readonly string[]
}

/** A node:http endpoint on a free port. */
export interface HttpEndpoint {
  readonly port: number
  readonly address: string
}

/** Answers every request with what it was. */
export function echoEndpoint(): Promise<HttpEndpoint> {
  return httpEndpoint(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += (chunk as Buffer).toString('latin1')
    const echo: Echo = { method: req.method ?? '', url: req.url ?? '', rawHeaders: req.rawHeaders, body, rawTrailers: req.rawTrailers }
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify(echo))
  })
}

/** Any node:http handler as an endpoint; closed with all its connections after the test. */
export async function httpEndpoint(handler: (req: IncomingMessage, res: ServerResponse) => void | Promise<void>): Promise<HttpEndpoint> {
  const server = createServer((req, res) => void handler(req, res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as { port: number }
  return { port, address: `127.0.0.1:${port}` }
}
