// Endpoints that are scripted byte by byte and keep every byte the proxy sent them.
import { type Server, createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import type { RawRequest } from './message.ts'
import { until } from './until.ts'
import { Wire } from './wire.ts'

/** What happens on one connection from the proxy. `index` counts connections from 0. */
export type Script = (wire: Wire, index: number) => void | Promise<void>

/** A TCP server under the test's control. */
export class RawEndpoint {
  readonly port: number
  readonly address: string
  readonly server: Server
  /** One per connection, in the order of arrival. */
  readonly wires: Wire[] = []
  /** The requests that `answering` scripts took, in the order of arrival. */
  readonly requests: RawRequest[] = []
  /** What went wrong in the scripts: bytes that a proxy must not send, mostly. A test that expects none is told. */
  readonly problems: unknown[] = []

  constructor(server: Server, port: number) {
    this.server = server
    this.port = port
    this.address = `127.0.0.1:${port}`
  }

  /** Every byte of every connection, latin1. */
  get text(): string {
    return this.wires.map((wire) => wire.text).join('')
  }

  /** Waits for a connection. */
  connection(index = 0): Promise<Wire> {
    return until(() => this.wires[index], `connection ${index} to the endpoint`)
  }

  /** Closes the listening port and every connection. */
  close(): void {
    this.server.close()
    for (const wire of this.wires) wire.socket.destroy()
  }
}

/** Listens on a free port and runs the script for each connection; without one, connections are only recorded. */
export function rawEndpoint(script: Script = () => {}): Promise<RawEndpoint> {
  return open(() => script)
}

async function open(make: (endpoint: RawEndpoint) => Script): Promise<RawEndpoint> {
  const server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = new RawEndpoint(server, (server.address() as { port: number }).port)
  const script = make(endpoint)
  server.on('connection', (socket) => {
    const wire = new Wire(socket)
    const index = endpoint.wires.push(wire) - 1
    void run(script, wire, index, endpoint)
  })
  onTestFinished(() => endpoint.close())
  return endpoint
}

async function run(script: Script, wire: Wire, index: number, endpoint: RawEndpoint): Promise<void> {
  try {
    await script(wire, index)
  } catch (thrown) {
    if (wire.ending === undefined) endpoint.problems.push(thrown)
  }
}

/** 200 with the body `ok`. */
export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** An endpoint that takes requests strictly, records them, and answers each with the same bytes. */
export function answeringEndpoint(answer: string | ((request: RawRequest) => string | Uint8Array) = ok): Promise<RawEndpoint> {
  const make = (endpoint: RawEndpoint): Script => async (wire) => {
    while (wire.ending === undefined || wire.rest.length > 0) {
      const request = await nextRequest(wire)
      if (request === undefined) return
      endpoint.requests.push(request)
      wire.send(typeof answer === 'string' ? answer : answer(request))
    }
  }
  return open(make)
}

async function nextRequest(wire: Wire): Promise<RawRequest | undefined> {
  while (wire.rest.length === 0) {
    if (wire.ending !== undefined) return undefined
    await arrival(wire)
  }
  return wire.request()
}

/** Bytes, or the end. An idle connection may be waited on for ever: the test's end closes it. */
function arrival(wire: Wire): Promise<void> {
  return new Promise((resolve) => {
    wire.socket.once('data', () => resolve())
    wire.socket.once('close', () => resolve())
    wire.socket.once('end', () => resolve())
  })
}
