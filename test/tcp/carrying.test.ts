// What a TCP listener promises: every byte both ways, each end passed on, and nobody who takes a part for the whole.
import { connect } from 'node:net'
import type { OutlierDetector } from '@meshwright/core'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { deafEndpoint, rawClient, until, type Wire } from '../kit/index.ts'
import { client, closedAddress, tcpEndpoint, tcpMesh, valueOf } from './kit.ts'

const arrived = (wire: Wire, text: string): Promise<true> => wire.until(() => wire.text === text || undefined, JSON.stringify(text))

describe('a TCP listener', () => {
  it('carries bytes both ways, and the end of each way', async () => {
    const endpoint = await tcpEndpoint()
    const mesh = await tcpMesh([endpoint.address])
    const client = mesh.connect().send('hello')
    const behind = await endpoint.wire()
    await arrived(behind, 'hello')
    client.halfClose()
    expect(await behind.closed).toBe('end')
    behind.send('late answer').halfClose()
    expect(await client.closed).toBe('end')
    expect(client.text).toBe('late answer')
    const { exchange, error, closedByClient } = await mesh.end()
    expect(error).toBeUndefined()
    expect(closedByClient).toBe(false)
    expect([exchange.requestBytes, exchange.responseBytes]).toEqual([5, 11])
    expect(exchange.endpoint?.inFlight).toBe(0)
    expect([valueOf(mesh, 'mesh_tcp_connections_total'), valueOf(mesh, 'mesh_tcp_received_bytes_total'), valueOf(mesh, 'mesh_tcp_sent_bytes_total')]).toEqual([1, 5, 11])
  })

  it('lets the endpoint speak first, and end first', async () => {
    const endpoint = await tcpEndpoint((socket) => void socket.end('220 welcome'))
    const mesh = await tcpMesh([endpoint.address])
    const client = mesh.connect()
    expect(await client.closed).toBe('end')
    expect(client.text).toBe('220 welcome')
    client.send('still there').halfClose()
    expect(await (await endpoint.wire()).closed).toBe('end')
    expect((await endpoint.wire()).text).toBe('still there')
    expect((await mesh.end()).closedByClient).toBe(true)
  })

  it('loses no byte of a megabyte that waits for a client who does not read', async () => {
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const mesh = await tcpMesh([endpoint.address])
    const client = mesh.connect().pause()
    const sent = Buffer.alloc(1_500_000, 'abcdefghijklmnopqrstuvwxyz')
    client.send(sent).halfClose()
    // Nobody reads: what the mesh holds in the meantime is bounded.
    await until(() => mesh.app.mesh.runtime.deadlines.size === 1, 'the connection')
    client.resume()
    expect(await client.closed).toBe('end')
    expect(client.received.equals(sent)).toBe(true)
    await mesh.end()
  })

  it('takes no more from the endpoint than the client reads', async () => {
    let written = 0
    const chunk = Buffer.alloc(65_536)
    const endpoint = await tcpEndpoint((socket) => {
      const fill = (): void => {
        do written += chunk.byteLength
        while (socket.write(chunk) && written < 200_000_000)
      }
      socket.on('drain', fill)
      fill()
    })
    const mesh = await tcpMesh([endpoint.address])
    const client = connect({ port: mesh.port, host: '127.0.0.1' })
    client.pause()
    onTestFinished(() => void client.destroy())
    // It has stopped when nothing has moved for a hundred turns.
    let still = 0
    let last = 0
    await until(() => {
      still = written === last && written > 0 ? still + 1 : 0
      last = written
      return still > 100
    }, 'the endpoint to be held up')
    expect(written).toBeLessThan(50_000_000)
  })

  it('breaks the connection to the endpoint when the client resets its own', async () => {
    const endpoint = await tcpEndpoint()
    const mesh = await tcpMesh([endpoint.address])
    const client = mesh.connect().send('half a mess')
    await arrived(await endpoint.wire(), 'half a mess')
    client.reset()
    expect(await (await endpoint.wire()).closed).toBe('reset')
    expect(await mesh.end()).toMatchObject({ error: { code: 'MESH_CLIENT_CLOSED' }, closedByClient: true })
  })

  it('breaks the connection to the client when the endpoint resets its own', async () => {
    const endpoint = await tcpEndpoint()
    const mesh = await tcpMesh([endpoint.address])
    const client = mesh.connect().send('x')
    const behind = await endpoint.wire()
    await arrived(behind, 'x')
    behind.reset()
    expect(await client.closed).toBe('reset')
    const { error, exchange } = await mesh.end()
    expect(error?.code).toBe('MESH_UPSTREAM_CLOSED')
    // It could be connected to, and that is all that is held against an endpoint.
    expect(exchange.endpoint?.failures).toBe(0)
    expect(valueOf(mesh, 'mesh_connections_ended_total', 'MESH_UPSTREAM_CLOSED')).toBe(1)
  })

  it('breaks the connection when the endpoint refuses, and tells the outlier detector', async () => {
    const told: unknown[] = []
    const outlier: OutlierDetector = { ended: (endpoint, { error }) => void told.push([endpoint.address, error?.code]) }
    const address = await closedAddress()
    const mesh = await tcpMesh([address], { service: { outlier } })
    expect(await mesh.connect().closed).toBe('reset')
    expect((await mesh.end()).error?.code).toBe('MESH_CONNECT_FAILED')
    expect(told).toEqual([[address, 'MESH_CONNECT_FAILED']])
  })

  it('tells the outlier detector that a connection was made, when it is over', async () => {
    const told: unknown[] = []
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const mesh = await tcpMesh([endpoint.address], { service: { outlier: { ended: (_endpoint, { error, response }) => void told.push([error, response?.status]) } } })
    const client = mesh.connect().send('x')
    await arrived(client, 'x')
    expect(told).toEqual([])
    client.halfClose()
    await mesh.end()
    expect(told).toEqual([[undefined, 200]])
  })

  it('gives up connecting after connectMs', async () => {
    const mesh = await tcpMesh([(await deafEndpoint()).address], { service: { timeout: { connectMs: 5 } } })
    expect(await mesh.connect().closed).toBe('reset')
    expect((await mesh.end()).error?.code).toBe('MESH_CONNECT_TIMEOUT')
  })

  it('refuses without endpoints, and without room', async () => {
    const mesh = await tcpMesh([])
    expect(await mesh.connect().closed).toBe('reset')
    expect((await mesh.end()).error?.code).toBe('MESH_NO_ENDPOINT')
    const { MeshError } = await import('@meshwright/core')
    const full = await tcpMesh([await closedAddress()], { service: { admission: [{ admit: () => new MeshError('MESH_OVERFLOW'), ended() {} }] } })
    expect(await full.connect().closed).toBe('reset')
    expect((await full.end()).error?.code).toBe('MESH_OVERFLOW')
  })

  it('closes a connection that is silent for tunnelIdleMs', async () => {
    const endpoint = await tcpEndpoint()
    const mesh = await tcpMesh([endpoint.address], { listener: { timeouts: { tunnelIdleMs: 20 } } })
    const client = mesh.connect()
    expect(await client.closed).toBe('reset')
    expect(await (await endpoint.wire()).closed).toBe('reset')
    expect((await mesh.end()).error?.code).toBe('MESH_TUNNEL_IDLE_TIMEOUT')
  })

  it('refuses more connections than limits.connections', async () => {
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const mesh = await tcpMesh([endpoint.address], { listener: { limits: { connections: 1 } } })
    const first = mesh.connect().send('x')
    await arrived(first, 'x')
    await mesh.connect().closed
    expect(valueOf(mesh, 'mesh_connections_ended_total', 'MESH_TOO_MANY_CONNECTIONS')).toBe(1)
    first.halfClose()
    await mesh.end()
    await until(() => valueOf(mesh, 'mesh_connections') === 0, 'room')
    const next = mesh.connect().send('y')
    await arrived(next, 'y')
  })

  it('spreads connections over the endpoints', async () => {
    const endpoints = await Promise.all([tcpEndpoint((socket) => void socket.end('a')), tcpEndpoint((socket) => void socket.end('b'))])
    const mesh = await tcpMesh(endpoints.map(({ address }) => address))
    const texts: string[] = []
    for (let i = 0; i < 4; i++) {
      const client = mesh.connect()
      await client.closed
      client.halfClose()
      texts.push(client.text)
    }
    expect(texts.toSorted()).toEqual(['a', 'a', 'b', 'b'])
  })
})

describe('an end of the listener', () => {
  it('lets connections go on until the grace is over, and cuts them then', async () => {
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const mesh = await tcpMesh([endpoint.address])
    const client = mesh.connect().send('x')
    await arrived(client, 'x')
    const drained = mesh.app.mesh.drain(3_600_000)
    await expect(rawClient(mesh.port)).rejects.toThrow('ECONNREFUSED')
    client.send('y')
    await arrived(client, 'xy')
    expect(mesh.app.mesh.runtime.deadlines.size).toBe(1)
    void mesh.app.mesh.drain(0)
    expect(await client.closed).toBe('reset')
    await drained
    expect((await mesh.end()).error?.code).toBe('MESH_DRAINING')
  })

  it('waits for connections that end by themselves', async () => {
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const mesh = await tcpMesh([endpoint.address])
    const client = mesh.connect().send('x')
    await arrived(client, 'x')
    const drained = mesh.app.mesh.drain(3_600_000)
    client.halfClose()
    await drained
    expect((await mesh.end()).error).toBeUndefined()
  })
})

describe('what is configured', () => {
  it('is refused with its reason', async () => {
    const mesh = await tcpMesh([])
    const { app } = mesh
    await expect(app.mesh.listen({ name: 'b', address: '127.0.0.1:0', tcp: 'nobody' })).rejects.toMatchObject({ code: 'MESH_UNKNOWN_SERVICE', detail: 'listener "b" carries TCP to "nobody"' })
    await expect(app.mesh.listen({ name: 'b', address: '127.0.0.1:0', tcp: 'app', limits: { headBytes: 1 } })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS', detail: 'listener "b": limits.headBytes: is about HTTP, and this listener carries TCP' })
    await expect(app.mesh.listen({ name: 'tcp', address: '127.0.0.1:0', tcp: 'app' })).rejects.toMatchObject({ code: 'MESH_DUPLICATE_NAME' })
    // And what was refused leaves no trace.
    await expect(app.mesh.listen({ name: 'b', address: '127.0.0.1:0', tcp: 'app' })).resolves.toMatchObject({ url: expect.stringMatching(/^tcp:/) as string })
  })

  it('takes no filter for requests, nor do routes take one for connections', async () => {
    const { app } = await tcpMesh([])
    app.mesh.provide('filter', 'for-requests', () => ({ name: 'for-requests', onRequestHeaders() {} }))
    app.mesh.provide('networkFilter', 'for-connections', () => ({ name: 'for-connections', onNewConnection() {} }))
    const tcp = (filter: unknown): Promise<unknown> => app.mesh.listen({ name: 'b', address: '127.0.0.1:0', tcp: { to: 'app', filters: [filter as never] } })
    const route = (filter: unknown): Promise<unknown> => app.mesh.apply({ routes: [{ to: 'app', filters: [filter as never] }] })
    await expect(tcp('for-requests')).rejects.toMatchObject({ code: 'MESH_UNKNOWN_NAME', detail: 'networkFilter "for-requests": it is a filter for requests only; known: for-connections' })
    await expect(tcp({ name: 'mine', onResponseBody() {} })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS', detail: 'networkFilter: mine is a filter for requests only' })
    await expect(route('for-connections')).rejects.toMatchObject({ code: 'MESH_UNKNOWN_NAME', detail: expect.stringContaining('filter "for-connections": it is a filter for the connections of TCP listeners only') as string })
    await expect(route({ name: 'mine', onUpstreamData() {} })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS' })
  })

  it('changes with a reload for new connections, and filters that are gone are told', async () => {
    const { runMesh } = await import('@meshwright/core')
    const [a, b] = [await tcpEndpoint((socket) => void socket.write('a')), await tcpEndpoint((socket) => void socket.write('b'))]
    const retire = vi.fn<() => void>()
    const spec = (to: string, filters: readonly never[]) => ({ listeners: [{ name: 'db', address: '127.0.0.1:0', tcp: { to, filters } }], services: { a: { endpoints: [a.address] }, b: { endpoints: [b.address] } }, admin: false as const })
    const mesh = await runMesh(spec('a', [{ name: 'old', onNewConnection() {}, retire } as never]))
    onTestFinished(async () => mesh.close())
    const port = mesh.listeners[0]?.port ?? 0
    const first = client(port)
    await arrived(first, 'a')
    await mesh.apply(spec('b', []))
    expect(retire).toHaveBeenCalledOnce()
    expect(mesh.listeners[0]?.port).toBe(port)
    await arrived(client(port), 'b')
    first.send('still the old one')
    await arrived(await a.wire(), 'still the old one')
    await mesh.apply({ ...spec('b', []), listeners: [] })
    await expect(rawClient(port)).rejects.toThrow('ECONNREFUSED')
  })
})
