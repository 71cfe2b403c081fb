// An upgraded connection: raw bytes both ways, each side held back by the other, until both have ended.
import type { Duplex } from 'node:stream'
import { MeshError } from '../errors.ts'
import type { Response } from '../exchange.ts'
import { isFieldValue, isToken } from '../fields.ts'
import type { ByteCounts } from '../flow.ts'

export interface TunnelEnds {
  readonly socket: Duplex
  /** What the client sent behind its request head: only now may it go on. */
  readonly head: Buffer | undefined
  readonly response: Response
  readonly upstream: Duplex
  /** Milliseconds without a byte in either direction; 0: for ever. */
  readonly idleTimeoutMs: number
  readonly counts: ByteCounts
  /** Called once, when both sides are closed. */
  readonly done: (error: MeshError | undefined) => void
}

/** Sends the 101 and joins both connections. A half-close on one side is passed to the other. */
export function joinTunnel(ends: TunnelEnds): void {
  const { socket, head, response, upstream, counts } = ends
  let error: MeshError | undefined
  let open = 2
  const idle = idleTimer(ends.idleTimeoutMs, () => {
    error ??= new MeshError('MESH_TUNNEL_IDLE_TIMEOUT')
    socket.destroy()
    upstream.destroy()
  })
  const closed = (): void => {
    socket.destroy()
    upstream.destroy()
    if (--open > 0) return
    idle.stop()
    ends.done(error)
  }
  socket.on('close', closed)
  upstream.on('close', closed)
  socket.on('error', () => upstream.destroy())
  upstream.on('error', () => socket.destroy())
  socket.write(switchingHead(response), 'latin1')
  if (head !== undefined && head.byteLength > 0) {
    counts.requestBytes += head.byteLength
    upstream.write(head)
  }
  pump(socket, upstream, (bytes) => {
    counts.requestBytes += bytes
    idle.touch()
  })
  pump(upstream, socket, (bytes) => {
    counts.responseBytes += bytes
    idle.touch()
  })
  if (socket.destroyed) closed()
}

function pump(from: Duplex, to: Duplex, moved: (bytes: number) => void): void {
  from.on('data', (chunk: Buffer) => {
    moved(chunk.byteLength)
    if (to.destroyed || to.write(chunk)) return
    from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
  from.resume()
}

function switchingHead(response: Response): string {
  let text = 'HTTP/1.1 101 Switching Protocols\r\n'
  for (const [name, value] of response.headers) if (isToken(name) && isFieldValue(value)) text += `${name}: ${value}\r\n`
  return `${text}\r\n`
}

/** One timer per tunnel that is set anew only when it fires: touching it is one store. */
function idleTimer(ms: number, expired: () => void): { touch(): void; stop(): void } {
  if (ms === 0) return { touch() {}, stop() {} }
  let lastMs = performance.now()
  let timer = setTimeout(check, ms)
  function check(): void {
    const leftMs = lastMs + ms - performance.now()
    if (leftMs <= 0) return expired()
    timer = setTimeout(check, Math.max(1, Math.ceil(leftMs)))
    timer.unref()
  }
  timer.unref()
  return {
    touch() {
      lastMs = performance.now()
    },
    stop: () => clearTimeout(timer),
  }
}

