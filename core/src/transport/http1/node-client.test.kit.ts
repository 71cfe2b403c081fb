// For tests: what the HTTP client of Node.js makes of the bytes of a response.
import { request, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { passableTrailers } from '../../fields.ts'
import { readResponseHead } from '../response-head.ts'
import { MeshError } from '../../errors.ts'
import type { Asked } from './recording.test.kit.ts'

/** One response, as Node's client told it. */
export interface NodeSaw {
  /** `refused`: a parse error; `cut`: the connection ended too early. */
  outcome: 'open' | 'complete' | 'switched' | 'refused' | 'cut'
  /** The parse error's code. */
  code: string | undefined
  /** Interim heads, then the final one. */
  readonly heads: { status: number; reason: string; raw: string[] }[]
  body: string
  trailers: string[] | undefined
}

/** An end of a connection on which the response lies ready. */
class Wire extends Duplex {
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

function ask(bytes: Buffer, asked: Asked, done: () => void): NodeSaw {
  const saw: NodeSaw = { outcome: 'open', code: undefined, heads: [], body: '', trailers: undefined }
  const asking = request({
    method: asked.head === true ? 'HEAD' : 'GET',
    headers: asked.upgrade === true ? { host: 'a', connection: 'upgrade', upgrade: 'x' } : { host: 'a' },
    createConnection: () => new Wire(bytes),
  })
  asking.on('information', (info) => saw.heads.push({ status: info.statusCode, reason: info.statusMessage, raw: info.rawHeaders }))
  asking.on('error', (error: NodeJS.ErrnoException) => fail(saw, error))
  asking.on('upgrade', (response, socket) => {
    sawHead(saw, response)
    saw.outcome = 'switched'
    socket.destroy()
  })
  asking.on('response', (response) => {
    sawHead(saw, response)
    response.setEncoding('latin1')
    response.on('data', (text: string) => (saw.body += text))
    response.on('error', (error: NodeJS.ErrnoException) => fail(saw, error))
    response.on('end', () => {
      if (saw.outcome !== 'open') return
      saw.outcome = response.complete ? 'complete' : 'cut'
      saw.trailers = passableTrailers(response.rawTrailers)
    })
  })
  asking.on('close', done)
  asking.end()
  return saw
}

function sawHead(saw: NodeSaw, response: IncomingMessage): void {
  saw.heads.push({ status: response.statusCode ?? 0, reason: response.statusMessage ?? '', raw: response.rawHeaders })
}

function fail(saw: NodeSaw, error: NodeJS.ErrnoException): void {
  if (saw.outcome === 'open') saw.outcome = error.code?.startsWith('HPE_') === true && error.code !== 'HPE_INVALID_EOF_STATE' ? 'refused' : 'cut'
  saw.code ??= error.code
}

/** Gives each response to a client of its own; all of them at once. */
export async function nodeSees(cases: readonly { readonly bytes: Buffer; readonly asked: Asked }[]): Promise<NodeSaw[]> {
  let left = cases.length
  const saw: NodeSaw[] = []
  await new Promise<void>((resolve) => {
    for (const { bytes, asked } of cases) saw.push(ask(bytes, asked, () => --left === 0 && resolve()))
  })
  // The end of a response that the close delimits is told after the close.
  await setImmediate()
  await setImmediate()
  return saw
}

/** The fields of the last head that our own check of heads would pass on, or why it would not. */
export function passedOn({ heads }: NodeSaw): string[] | MeshError {
  const { status, reason, raw } = heads.at(-1) ?? { status: 0, reason: '', raw: [] }
  const head = readResponseHead(status, reason, raw)
  return head instanceof MeshError ? head : [...head.response.headers.toList()]
}
