// Turns a listener that cannot open into a sentence with a way out.
import { failure, type CommandFailure } from '../commands/exit.ts'
import { freePortAbove, portOwner } from './port-owner.ts'

interface SystemError extends Error {
  readonly code?: string
  readonly address?: string
  readonly port?: number
}

/** The failure to show for an error at start, or the error itself if it is none of listening. */
export async function listenFailure(error: unknown): Promise<CommandFailure | undefined> {
  const cause = systemErrorIn(error)
  if (cause?.port === undefined) return undefined
  const { port, address = '127.0.0.1' } = cause
  if (cause.code === 'EADDRINUSE') return failure(await inUse(address, port))
  if (cause.code === 'EACCES') return failure(`port ${port} may not be opened by this user: ports below 1024 take a privilege. Use a port above, such as ${port + 8000}`)
  if (cause.code === 'EADDRNOTAVAIL') return failure(`this machine has no address ${address}: use 127.0.0.1 or 0.0.0.0`)
  return undefined
}

function systemErrorIn(error: unknown): SystemError | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const candidate: SystemError = at
    if (candidate.port !== undefined) return candidate
  }
  return undefined
}

async function inUse(address: string, port: number): Promise<string> {
  const [owner, free] = await Promise.all([portOwner(port), freePortAbove(address, port)])
  const suggestion = free === undefined ? 'choose another port' : `port ${free} is free`
  return `port ${port} on ${address} is in use${owner === undefined ? '' : ` by ${owner}`}: end that program, or choose another port (${suggestion})`
}
