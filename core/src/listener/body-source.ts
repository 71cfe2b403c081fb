// The body of a node:http request as the source of a RequestBody.
import type { IncomingMessage } from 'node:http'
import { MeshError } from '../errors.ts'
import { passableTrailers } from '../fields.ts'
import { Headers } from '../headers.ts'
import type { BodyReceiver, BodySource } from '../request-body.ts'

/**
 * @param maxTrailers more of them are refused with MESH_TOO_MANY_HEADERS
 * @param onOpen called when somebody asks for the body, before anything is read
 */
export function http1BodySource(message: IncomingMessage, maxTrailers: number, onOpen: () => void): BodySource {
  return {
    open(receiver: BodyReceiver) {
      onOpen()
      message.on('data', (chunk: Buffer) => receiver.receive(chunk))
      message.on('end', () => {
        if (message.rawTrailers.length > maxTrailers * 2) return receiver.fail(new MeshError('MESH_TOO_MANY_HEADERS', `more than ${maxTrailers} trailers`))
        const trailers = message.rawTrailers.length === 0 ? undefined : passableTrailers(message.rawTrailers)
        receiver.finish(trailers === undefined ? undefined : new Headers(trailers))
      })
      message.on('error', (cause) => receiver.fail(new MeshError('MESH_CLIENT_CLOSED', 'the request body broke off', cause)))
      message.on('aborted', () => receiver.fail(new MeshError('MESH_CLIENT_CLOSED', 'the request body broke off')))
    },
    pause: () => void message.pause(),
    resume: () => void message.resume(),
  }
}
