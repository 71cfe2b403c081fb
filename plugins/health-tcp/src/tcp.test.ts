// What an endpoint has to do on a connection to be fit, over real sockets.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Endpoint, Unfit } from '@meshwright/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tcp, type TcpHealthOptions } from './tcp.ts'

async function listening(accept: (socket: Socket) => void = () => {}): Promise<{ endpoint: Endpoint; server: Server }> {
  const server = createServer((socket) => {
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    accept(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, endpoint: new Endpoint({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }) }
}

function check(options: TcpHealthOptions, endpoint: Endpoint, signal: AbortSignal = new AbortController().signal): Promise<void> {
  return tcp(options).check(endpoint, signal)
}

/** Answers PONG to PING. */
function pong(socket: Socket): void {
  socket.on('data', (bytes) => void (bytes.toString() === 'PING\r\n' && socket.write('+PONG\r\n')))
}

describe('an endpoint is fit', () => {
  test('when it takes a connection, which is closed again', async () => {
    const closed = Promise.withResolvers<void>()
    const { endpoint } = await listening((socket) => void socket.resume().on('close', () => closed.resolve()))
    await check({}, endpoint)
    await closed.promise
  })

  test('when it answers what is expected', async () => {
    const { endpoint } = await listening(pong)
    await check({ send: 'PING\r\n', expect: '+PONG' }, endpoint)
    await check({ send: { hex: '50494e470d0a' }, expect: { hex: '504F4E47' } }, endpoint)
  })

  test('when the answer comes in pieces, with something before and behind it', async () => {
    const { endpoint } = await listening((socket) => {
      socket.setNoDelay(true)
      socket.write('220 mail.exa')
      setImmediate(() => socket.write('mple ESMTP\r\nmore'))
    })
    await check({ expect: 'example ESMTP' }, endpoint)
  })

  test('on another port, if that is asked', async () => {
    const { endpoint } = await listening()
    await check({ port: endpoint.port }, new Endpoint({ host: '127.0.0.1', port: 1 }))
  })
})

test('what is sent arrives even if nothing is expected', async () => {
  const heard = Promise.withResolvers<string>()
  const { endpoint } = await listening((socket) => void socket.on('data', (bytes) => heard.resolve(bytes.toString())))
  await check({ send: 'hello' }, endpoint)
  expect(await heard.promise).toBe('hello')
})

describe('an endpoint is not fit, which may be chance,', () => {
  async function reasonOf(answer: Promise<void>): Promise<string> {
    const thrown: unknown = await answer.then(() => undefined, (error: unknown) => error)
    expect(thrown).toBeInstanceOf(Error)
    expect(thrown).not.toBeInstanceOf(Unfit)
    return (thrown as Error).message
  }

  test('when it refuses the connection', async () => {
    const { endpoint, server } = await listening()
    server.close()
    await once(server, 'close')
    expect(await reasonOf(check({}, endpoint))).toContain('ECONNREFUSED')
  })

  test('when it closes without the answer', async () => {
    const { endpoint } = await listening((socket) => void socket.end('no'))
    expect(await reasonOf(check({ expect: 'yes' }, endpoint))).toContain('before it had said what is expected')
  })

  test('when it says something else for ever', async () => {
    const { endpoint } = await listening((socket) => {
      const more = (): void => {
        while (!socket.destroyed && socket.write('no'.repeat(512)));
      }
      socket.on('drain', more)
      more()
    })
    expect(await reasonOf(check({ expect: 'yes' }, endpoint))).toBe('the endpoint has not said what is expected within 1024 bytes')
  })

  test('when it says nothing until the time is over', async () => {
    const accepted = Promise.withResolvers<Socket>()
    const { endpoint } = await listening((socket) => accepted.resolve(socket.resume()))
    const time = new AbortController()
    const answer = check({ expect: 'yes' }, endpoint, time.signal)
    answer.catch(() => {})
    const closed = once(await accepted.promise, 'close')
    time.abort()
    await reasonOf(answer)
    await closed
  })
})

test.each<TcpHealthOptions>([{ send: '' }, { expect: { hex: '' } }, { send: { hex: 'f' } }, { send: { hex: 'xy' } }, { expect: 'x'.repeat(1025) }])('%j is refused', (options) => {
  expect(() => tcp(options)).toThrow(RangeError)
})
