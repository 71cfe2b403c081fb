// One call to the registry over HTTP: bounded in time and size, and nothing it does is thrown.
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'

/** What is asked of the registry. */
export interface Call {
  readonly method: 'POST' | 'DELETE'
  readonly url: URL
  readonly token: string | undefined
  /** Makes the body once the local address towards the registry is known. */
  readonly body?: (localAddress: string) => object
  readonly timeoutMs: number
  /** Whether the process may end while it is under way. */
  readonly background: boolean
}

/** What came of it. */
export interface Outcome {
  /** 0: there was no answer. */
  readonly status: number
  /** The answer's JSON object; empty if it was none. */
  readonly body: Readonly<Record<string, unknown>>
  /** Why it went wrong, for people; empty if it did not. */
  readonly reason: string
}

const maxBodyLength = 65_536

/** Never rejects. */
export async function callRegistry(call: Call): Promise<Outcome> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve({ status: 0, body: {}, reason: error.message || error.name })
    try {
      const sent = begin(call)
      sent.on('error', failed)
      sent.on('response', (response) => read(response, resolve))
      const timer = setTimeout(() => sent.destroy(new Error(`no answer in ${call.timeoutMs} ms`)), call.timeoutMs)
      if (call.background) timer.unref()
      sent.on('close', () => {
        clearTimeout(timer)
        failed(new Error('the connection was closed'))
      })
    } catch (error) {
      failed(error as Error)
    }
  })
}

/** A connection of its own for each call: they are seconds apart, and a kept one could be dead unnoticed. */
function begin({ method, url, token, body, background }: Call): ClientRequest {
  const isSecure = url.protocol === 'https:'
  const headers = { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }), ...(body !== undefined && { 'content-type': 'application/json' }) }
  const sent = (isSecure ? httpsRequest : httpRequest)(url, { method, headers, agent: false })
  if (body === undefined) sent.end()
  sent.on('socket', (socket: Socket) => {
    if (background) socket.unref()
    // Only a connected socket knows by which address the registry's machine reaches this one.
    if (body !== undefined) socket.once(isSecure ? 'secureConnect' : 'connect', () => sent.end(JSON.stringify(body(plain(socket.localAddress)))))
  })
  return sent
}

/** IPv4 as such, also where the socket speaks IPv6. */
function plain(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '')
}

function read(response: IncomingMessage, done: (outcome: Outcome) => void): void {
  const status = response.statusCode ?? 0
  let text = ''
  response.setEncoding('utf8')
  response.on('data', (part: string) => {
    text += part
    if (text.length > maxBodyLength) response.destroy()
  })
  response.on('error', () => response.destroy())
  response.on('close', () => {
    const body = toObject(text)
    done({ status, body, reason: status >= 200 && status < 300 ? '' : told(status, body) })
  })
}

function told(status: number, { title, detail }: Readonly<Record<string, unknown>>): string {
  const said = [title, detail].filter((part) => typeof part === 'string').join(': ')
  return said === '' ? `status ${status}` : `status ${status}, ${said.slice(0, 500)}`
}

function toObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
