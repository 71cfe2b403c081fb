// WebSockets of a real implementation cross the proxy in both directions.
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer, type RawData } from 'ws'
import { startMesh, type TestMesh } from '../kit/index.ts'

/** A WebSocket server on a free port, and a client that reached it through a mesh. */
async function connected(onConnection: (socket: WebSocket) => void = () => {}): Promise<{ client: WebSocket; mesh: TestMesh; server: WebSocketServer }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: (protocols) => (protocols.has('chat') ? 'chat' : false) })
  server.on('connection', onConnection)
  await once(server, 'listening')
  const mesh = await startMesh({ address: `127.0.0.1:${(server.address() as { port: number }).port}` })
  const client = new WebSocket(`ws://127.0.0.1:${mesh.port}/socket`, ['chat'])
  onTestFinished(() => {
    client.terminate()
    for (const one of server.clients) one.terminate()
    server.close()
  })
  await once(client, 'open')
  return { client, mesh, server }
}

const text = (data: RawData): string => (data as Buffer).toString()

describe('a WebSocket', () => {
  test('carries text and bytes both ways and keeps its subprotocol', async () => {
    const { client } = await connected((socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
    expect(client.protocol).toBe('chat')
    client.send('hello')
    expect(text((await once(client, 'message'))[0] as RawData)).toBe('hello')
    client.send(Buffer.from([0, 255, 1]))
    const [data, binary] = (await once(client, 'message')) as [RawData, boolean]
    expect([[...(data as Buffer)], binary]).toEqual([[0, 255, 1], true])
  })

  test('carries a message sent together with the handshake', async () => {
    const { client } = await connected((socket) => socket.send('at once'))
    if (client.readyState !== WebSocket.OPEN) throw new Error('not open')
    client.send('x')
    client.ping()
    await once(client, 'pong')
  })

  test('keeps a megabyte whole and many messages in order', async () => {
    const { client } = await connected((socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
    const large = Buffer.alloc(1 << 20, 'abc')
    client.send(large)
    expect(large.equals((await once(client, 'message'))[0] as Buffer)).toBe(true)
    const received: string[] = []
    const all = new Promise<void>((resolve) => {
      client.on('message', (data) => {
        received.push(text(data))
        if (received.length === 500) resolve()
      })
    })
    for (let index = 0; index < 500; index++) client.send(String(index))
    await all
    expect(received).toEqual(Array.from({ length: 500 }, (_, index) => String(index)))
  })

  test('passes pings', async () => {
    const { client } = await connected()
    client.ping('are you there')
    expect(((await once(client, 'pong')) as [Buffer])[0].toString()).toBe('are you there')
  })

  test('passes the close code and reason of the client', async () => {
    const closed = Promise.withResolvers<[number, string]>()
    const { client, mesh } = await connected((socket) => socket.on('close', (code, reason) => closed.resolve([code, reason.toString()])))
    client.close(4001, 'enough')
    expect(await closed.promise).toEqual([4001, 'enough'])
    expect((await mesh.exchange()).code).toBe(undefined)
  })

  test('passes the close code and reason of the server', async () => {
    const { client } = await connected((socket) => socket.close(4002, 'go away'))
    const [code, reason] = client.readyState === WebSocket.CLOSED ? [4002, Buffer.from('go away')] : ((await once(client, 'close')) as [number, Buffer])
    expect([code, reason.toString()]).toEqual([4002, 'go away'])
  })

  test('that is broken off by the server is seen as broken off', async () => {
    const { client, server } = await connected()
    for (const one of server.clients) one.terminate()
    const [code] = (await once(client, 'close')) as [number]
    expect(code).toBe(1006)
  })

  test('counts its bytes in the exchange', async () => {
    const { client, mesh } = await connected((socket) => socket.on('message', (data) => socket.send(data)))
    client.send('hello')
    await once(client, 'message')
    client.close()
    const { requestBytes, responseBytes, status } = await mesh.exchange()
    expect(status).toBe(101)
    expect(requestBytes).toBeGreaterThan(5)
    expect(responseBytes).toBeGreaterThan(5)
  })
})
