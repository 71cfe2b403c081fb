// A gRPC server of another make, for tests: all four shapes of calls, over plain HTTP/2 or TLS.
import { Buffer } from 'node:buffer'
import { Metadata, Server, ServerCredentials, status, type ServerDuplexStream, type ServerReadableStream, type ServerUnaryCall, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value }

function method(name: string, requestStream: boolean, responseStream: boolean): object {
  return { path: `/test.Echo/${name}`, requestStream, responseStream, requestSerialize: bytes.serialize, requestDeserialize: bytes.deserialize, responseSerialize: bytes.serialize, responseDeserialize: bytes.deserialize }
}

const definition = { Unary: method('Unary', false, false), Many: method('Many', false, true), Sum: method('Sum', true, false), Talk: method('Talk', true, true) }

export interface TestServer {
  readonly port: number
  readonly server: Server
  /** What has become of calls that did not simply end. */
  readonly events: string[]
}

/** Unary answers in capitals, or fails as it is told (`fail`), or waits for ever (`wait`). */
export async function grpcServer(credentials: ServerCredentials = ServerCredentials.createInsecure()): Promise<TestServer> {
  const events: string[] = []
  const server = new Server()
  server.addService(definition as never, {
    Unary(call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
      const asked = call.request.toString()
      call.on('cancelled', () => events.push('cancelled'))
      if (asked === 'wait') return events.push(`waits, deadline ${call.getDeadline() === Infinity ? 'none' : 'given'}`)
      if (asked === 'fail') return answer({ code: status.NOT_FOUND, details: 'nothing called "fäil"' })
      if (asked === 'long') return answer(null, Buffer.alloc(5 * 1_048_576))
      const trailers = new Metadata()
      trailers.set('x-trailer', 'last')
      const head = new Metadata()
      head.set('x-head', call.metadata.get('x-asked').join('+'))
      call.sendMetadata(head)
      return answer(null, Buffer.from(asked.toUpperCase()), trailers)
    },
    Many(call: ServerWritableStream<Buffer, Buffer>) {
      for (const one of call.request.toString().split(',')) call.write(Buffer.from(one))
      call.end()
    },
    Sum(call: ServerReadableStream<Buffer, Buffer>, answer: sendUnaryData<Buffer>) {
      let sum = ''
      call.on('data', (message: Buffer) => (sum += message.toString()))
      call.on('end', () => answer(null, Buffer.from(sum)))
      call.on('cancelled', () => events.push('cancelled'))
      call.on('error', () => {})
    },
    Talk(call: ServerDuplexStream<Buffer, Buffer>) {
      call.on('data', (message: Buffer) => call.write(Buffer.from(`re: ${message.toString()}`)))
      call.on('end', () => call.end())
      call.on('cancelled', () => events.push('cancelled'))
      call.on('error', () => {})
    },
  })
  const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))))
  onTestFinished(() => server.forceShutdown())
  return { port, server, events }
}
