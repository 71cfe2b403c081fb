// An endpoint in a process of its own, so that it can be killed and stopped for real. Writes down every POST before it answers it.
import { appendFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How the endpoint behaves. `refusing`: nobody listens. One that is slow or fails says all the same that it is well. */
export type Mode = 'well' | 'slow' | 'failing' | 'refusing'

/** What it is told. */
export type Order = { readonly mode: Mode }

const [, , name = '', journal = '', wantedPort = '0'] = process.argv
const slowMs = 1_500
let mode: Mode = 'well'
let server: Server = await listen(Number(wantedPort))
const { port } = server.address() as AddressInfo
process.send?.({ port })

process.on('message', (order: Order) => void obey(order))
// It does not outlive the test.
process.on('disconnect', () => process.exit())

async function obey(order: Order): Promise<void> {
  const { mode: before } = { mode }
  mode = order.mode
  if (mode === 'refusing') {
    server.close()
    server.closeAllConnections()
  } else if (before === 'refusing') {
    server = await listen(port)
  }
  process.send?.({ mode })
}

async function listen(at: number): Promise<Server> {
  const made = createServer({ keepAliveTimeout: 30_000 }, answer)
  await new Promise<void>((resolve) => made.listen(at, '127.0.0.1', resolve))
  return made
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'POST') appendFileSync(journal, `${name} ${request.url ?? ''}\n`)
  request.resume()
  if (request.url === '/healthz') response.end('well')
  else if (mode === 'failing') response.writeHead(500).end('on purpose')
  else setTimeout(() => response.end(name), mode === 'slow' ? slowMs : 0)
}
