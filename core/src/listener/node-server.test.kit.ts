// For tests: what the HTTP server of Node.js makes of the bytes that come on a connection.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { RecordedRequest } from './recording.test.kit.ts'

/** One connection, as Node's server told it. */
export interface NodeSaw {
  readonly requests: RecordedRequest[]
  /** `done`: nothing was wrong with what it read; `refused`: a parse error; `cut`: the connection ended within a request; `connect`: a CONNECT. */
  outcome: 'done' | 'refused' | 'cut' | 'connect'
  /** The parse error's code. */
  code: string | undefined
}

/** An end of a connection on which the requests lie ready. */
class Wire extends Duplex {
  readonly saw: NodeSaw = { requests: [], outcome: 'done', code: undefined }

  constructor(bytes: Buffer) {
    super()
    this.push(bytes)
    this.push(null)
  }

  override _read(): void {}

  override _write(_chunk: unknown, _encoding: unknown, done: () => void): void {
    done()
  }
}

const server = createServer({ requireHostHeader: false, keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, connectionsCheckingInterval: 2 ** 30, maxHeaderSize: 65_540 })
// A client that has sent everything still wants its answers.
;(server as typeof server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true
for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, take)
server.on('connect', (_message: IncomingMessage, socket: Wire) => {
  socket.saw.outcome = 'connect'
  socket.destroy()
})
server.on('clientError', (error: NodeJS.ErrnoException, socket: Wire) => {
  const { saw } = socket
  if (saw.code !== undefined) return
  saw.outcome = error.code === 'HPE_INVALID_EOF_STATE' ? 'cut' : 'refused'
  saw.code = error.code ?? ''
  // Not before the requests in front of it have been told.
  globalThis.setImmediate(() => socket.destroy())
})

function take(message: IncomingMessage, response: ServerResponse): void {
  const { saw } = message.socket as unknown as Wire
  const { method = '', url = '', httpVersion, rawHeaders } = message
  const read: RecordedRequest = { method, url, version: httpVersion, fields: rawHeaders, body: '', trailers: undefined, complete: false }
  saw.requests.push(read)
  message.setEncoding('latin1')
  message.on('data', (text: string) => (read.body += text))
  message.on('error', () => {})
  message.on('end', () => {
    read.complete = message.complete
    if (message.rawTrailers.length > 0) read.trailers = message.rawTrailers
    response.end()
  })
}

/** Gives the bytes of each connection to Node; all of them at once. */
export async function nodeSees(connections: readonly Buffer[]): Promise<NodeSaw[]> {
  const wires = connections.map((bytes) => new Wire(bytes))
  for (const wire of wires) server.emit('connection', wire)
  for (let turns = 0; turns < 50 && wires.some((wire) => !wire.closed); turns++) await setImmediate()
  // Behind an upgrade that it does not carry out it misses the end.
  for (const wire of wires) if (!wire.closed) wire.saw.outcome = 'cut'
  for (const wire of wires) wire.destroy()
  return wires.map(({ saw }) => saw)
}
