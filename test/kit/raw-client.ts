// A client that speaks raw bytes.
import { connect } from 'node:net'
import { onTestFinished } from 'vitest'
import { Wire } from './wire.ts'

/** Connects to a port on loopback; the connection is destroyed after the test. */
export async function rawClient(port: number): Promise<Wire> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  const wire = new Wire(socket)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  return wire
}
