// A health check by a connection, and by what is said on it.
import { connect, type Socket } from 'node:net'
import type { HealthCheck, HealthSchedule } from '@meshwright/core'

/** A text (UTF-8), or bytes in hexadecimal digits. 1 to 1024 bytes. */
export type TcpBytes = string | { readonly hex: string }

/** When and how often: see {@link HealthSchedule}. */
export interface TcpHealthOptions extends HealthSchedule {
  /** Port to connect to, 1..65535. Default: that of the endpoint. */
  readonly port?: number
  /** What is sent once connected. Default: nothing. */
  readonly send?: TcpBytes
  /** What has to be among the first 1024 bytes that the endpoint sends. Default: nothing, a connection is enough. */
  readonly expect?: TcpBytes
}

const maxBytes = 1_024

/**
 * Connects, and closes the connection again. Every failure may be chance and counts towards the threshold.
 * @throws RangeError when an option is not valid
 */
export function tcp(options: TcpHealthOptions = {}): HealthCheck {
  const { port, send, expect, ...schedule } = options
  const question = send === undefined ? undefined : toBytes('send', send)
  const answer = expect === undefined ? undefined : toBytes('expect', expect)
  return {
    ...schedule,
    check: (endpoint, signal) => converse({ host: endpoint.host, port: port ?? endpoint.port }, question, answer, signal),
  }
}

function toBytes(name: string, given: TcpBytes): Buffer {
  const bytes = typeof given === 'string' ? Buffer.from(given) : Buffer.from(given.hex, 'hex')
  if (typeof given === 'object' && bytes.length * 2 !== given.hex.length) throw new RangeError(`${name}: "${given.hex}" is not made of pairs of hexadecimal digits`)
  if (bytes.length === 0 || bytes.length > maxBytes) throw new RangeError(`${name} has 1 to ${maxBytes} bytes, not ${bytes.length}`)
  return bytes
}

function converse(target: { readonly host: string; readonly port: number }, question: Buffer | undefined, answer: Buffer | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target, signal })
    const done = (error?: Error | null): void => {
      if (error === undefined || error === null) resolve()
      else reject(error)
      socket.destroy()
    }
    const sent = (error?: Error | null): void => {
      if (answer === undefined) done(error)
    }
    socket.on('connect', () => {
      if (question === undefined) sent()
      else socket.write(question, sent)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.message === '' ? new Error(error.code ?? 'no connection', { cause: error }) : error))
    socket.on('close', () => done(new Error('the endpoint closed the connection before it had said what is expected')))
    if (answer !== undefined) listen(socket, answer, done)
  })
}

/** Looks for the answer in what comes, wherever it is cut into pieces. */
function listen(socket: Socket, answer: Buffer, done: (error?: Error) => void): void {
  let heard = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    heard = Buffer.concat([heard, chunk.subarray(0, maxBytes - heard.length)])
    if (heard.includes(answer)) done()
    else if (heard.length === maxBytes) done(new Error(`the endpoint has not said what is expected within ${maxBytes} bytes`))
  })
}
