// One request and its answer, of which no more than a little is read.
import { request as plainRequest, type Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as secureRequest } from 'node:https'

export interface ProbeTarget {
  readonly agent: Agent
  readonly isSecure: boolean
  readonly host: string
  readonly port: number
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
}

/** A connection whose answer is longer is closed instead of read to the end. */
const maxBodyBytes = 1_024

/** Resolves when an answer that `judge` finds nothing wrong with is over; rejects with what is wrong. */
export async function probe(target: ProbeTarget, judge: (response: IncomingMessage) => Error | undefined, signal: AbortSignal): Promise<void> {
  try {
    await once(target, judge, signal)
  } catch (thrown) {
    if (!(thrown instanceof Stale)) throw thrown
    // The endpoint closed the kept connection while we were writing to it: that says nothing about its health.
    await once(target, judge, signal)
  }
}

/** A kept connection was not there any more. */
class Stale extends Error {}

function once({ isSecure, ...target }: ProbeTarget, judge: (response: IncomingMessage) => Error | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? secureRequest : plainRequest)({ ...target, signal })
    sent.on('response', (response) => {
      const wrong = judge(response)
      if (wrong === undefined) return drain(response, resolve, reject)
      reject(wrong)
      sent.destroy()
    })
    sent.on('error', (error: NodeJS.ErrnoException) => reject(isStale(sent, error) ? new Stale() : readable(error)))
    sent.on('close', () => reject(new Error('the endpoint closed the connection')))
    sent.end()
  })
}

/** Reads a short body, so that the connection can be used again. */
function drain(response: IncomingMessage, resolve: () => void, reject: (error: Error) => void): void {
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= maxBodyBytes) return
    resolve()
    response.destroy()
  })
  response.on('end', resolve)
  response.on('error', reject)
}

function isStale(sent: ClientRequest, { code }: NodeJS.ErrnoException): boolean {
  return sent.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')
}

/** When every address of a name fails, Node's error has a code and no message. */
function readable(error: NodeJS.ErrnoException): Error {
  return error.message === '' ? new Error(error.code ?? 'no connection', { cause: error }) : error
}
