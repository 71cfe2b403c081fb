// What network filters may do to a connection: hold it up, refuse it, change what passes, keep bytes for later, fail.
import { MeshError, type NetworkFilter, type TcpConnection } from '@meshwright/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { until, type Wire } from '../kit/index.ts'
import { tcpEndpoint, tcpMesh } from './kit.ts'

const arrived = (wire: Wire, text: string): Promise<true> => wire.until(() => wire.text === text || undefined, JSON.stringify(text))
const text = (chunk: Uint8Array): string => Buffer.from(chunk).toString('latin1')
const bytes = (words: string): Buffer => Buffer.from(words, 'latin1')
const nothing = new Uint8Array(0)

describe('network filters', () => {
  it('see the bytes of the client in their order, those of the endpoint in the reverse one, and each end once', async () => {
    const seen: string[] = []
    const marking = (name: string): NetworkFilter => ({
      name,
      onNewConnection: () => void seen.push(`${name} new`),
      onDownstreamData: (_connection, chunk, last) => (seen.push(`${name} down ${text(chunk)} ${last}`), chunk.byteLength === 0 ? undefined : bytes(`${text(chunk)}${name}`)),
      onUpstreamData: (_connection, chunk, last) => (seen.push(`${name} up ${text(chunk)} ${last}`), chunk.byteLength === 0 ? undefined : bytes(`${text(chunk)}${name}`)),
      onEnd: () => void seen.push(`${name} end`),
    })
    const endpoint = await tcpEndpoint((socket) => void socket.on('data', () => socket.write('pong')).on('end', () => socket.end()))
    const mesh = await tcpMesh([endpoint.address], { filters: [marking('A'), marking('B')] })
    const client = mesh.connect().send('ping')
    await arrived(client, 'pongBA')
    expect((await endpoint.wire()).text).toBe('pingAB')
    client.halfClose()
    await client.closed
    await mesh.end()
    expect(seen).toEqual([
      'A new', 'B new', 'A down ping false', 'B down pingA false', 'B up pong false', 'A up pongB false',
      'A down  true', 'B down  true', 'B up  true', 'A up  true', 'A end', 'B end',
    ])
  })

  it('hold a connection up before anything is read and an endpoint is chosen', async () => {
    const gate = Promise.withResolvers<void>()
    const held: TcpConnection[] = []
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const mesh = await tcpMesh([endpoint.address], { filters: [{ name: 'gate', onNewConnection: (connection) => (held.push(connection), gate.promise) }] })
    const client = mesh.connect().send('early')
    await until(() => held.length === 1, 'the filter to be asked')
    expect(held[0]?.endpoint).toBeUndefined()
    expect(held[0]?.exchange.requestBytes).toBe(0)
    gate.resolve()
    await arrived(client, 'early')
    expect(held[0]?.upstream?.localPort).toBeGreaterThan(0)
  })

  it('keep bytes and let them go later, behind those before and through the filters behind them', async () => {
    let first: TcpConnection | undefined
    const keeper: NetworkFilter = { name: 'keeper', onDownstreamData: (connection) => ((first = connection), nothing) }
    const upper: NetworkFilter = { name: 'upper', onDownstreamData: (_connection, chunk) => bytes(text(chunk).toUpperCase()) }
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const mesh = await tcpMesh([endpoint.address], { filters: [keeper, upper] })
    const client = mesh.connect().send('a')
    const connection = await until(() => first, 'the bytes')
    connection.pass(keeper, 'client', bytes('one '))
    connection.pass(keeper, 'client', bytes('two'))
    await arrived(client, 'ONE TWO')
    client.halfClose()
    await client.closed
    // The end has passed it: nothing can come behind that.
    connection.pass(keeper, 'client', bytes('late'))
    await mesh.end()
    expect((await endpoint.wire()).text).toBe('ONE TWO')
  })

  it('that promise an answer hold up what comes behind it, also what another one lets go meanwhile', async () => {
    const answers: PromiseWithResolvers<Uint8Array>[] = []
    let connection: TcpConnection | undefined
    const first: NetworkFilter = { name: 'first', onDownstreamData: (one) => void (connection = one) }
    const slow: NetworkFilter = {
      name: 'slow',
      onDownstreamData(_connection, chunk) {
        const answer = Promise.withResolvers<Uint8Array>()
        answers.push(answer)
        return answer.promise.then((mark) => bytes(`${text(chunk)}${text(mark)}`))
      },
    }
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    const mesh = await tcpMesh([endpoint.address], { filters: [first, slow] })
    const client = mesh.connect().send('a')
    await until(() => answers.length === 1, 'the first chunk')
    connection?.pass(first, 'client', bytes('b'))
    connection?.pass(first, 'client', bytes('c'))
    expect(answers).toHaveLength(1)
    for (const [index, mark] of ['1', '2', '3'].entries()) (await until(() => answers[index], 'the next one')).resolve(bytes(mark))
    await arrived(client, 'a1b2c3')
  })

  it('that take too long fail the connection', async () => {
    const endpoint = await tcpEndpoint()
    for (const phase of ['onNewConnection', 'onDownstreamData'] as const) {
      const mesh = await tcpMesh([endpoint.address], { listener: { timeouts: { filterMs: 5 } }, filters: [{ name: 'never', [phase]: () => new Promise<void>(() => {}) }] })
      expect(await mesh.connect().send('x').closed).toBe('reset')
      expect((await mesh.end()).error?.code).toBe('MESH_FILTER_TIMEOUT')
    }
  })

  it('are not asked about a connection that ended while the one before thought about it', async () => {
    const gate = Promise.withResolvers<void>()
    const seen: string[] = []
    const filters: NetworkFilter[] = [
      { name: 'slow', onNewConnection: () => (seen.push('slow'), gate.promise) },
      { name: 'next', onNewConnection: () => void seen.push('next'), onEnd: () => void seen.push('end') },
    ]
    const mesh = await tcpMesh([], { listener: { timeouts: { filterMs: 5 } }, filters })
    mesh.connect()
    await mesh.end()
    gate.resolve()
    await new Promise(setImmediate)
    expect(seen).toEqual(['slow', 'end'])
  })

  it('that take too long in one direction fail the connection, however quickly they answer in the other', async () => {
    const endpoint = await tcpEndpoint((socket) => void socket.pipe(socket))
    let asked = 0
    const oneSided: NetworkFilter = {
      name: 'one-sided',
      onDownstreamData: () => new Promise<void>(() => {}),
      async onUpstreamData() {
        asked++
      },
    }
    const mesh = await tcpMesh([endpoint.address], { listener: { timeouts: { filterMs: 200 } }, filters: [oneSided] })
    const client = mesh.connect()
    const wire = await endpoint.wire()
    const chatter = setInterval(() => wire.send('y'), 1)
    onTestFinished(() => clearInterval(chatter))
    await until(() => asked > 0, 'the other direction')
    client.send('x')
    expect(await client.closed).toBe('reset')
    expect((await mesh.end()).error?.code).toBe('MESH_FILTER_TIMEOUT')
  })

  it.each(['onNewConnection', 'onDownstreamData', 'onUpstreamData'] as const)('that throw in %s break the connection off, at once or later', async (phase) => {
    const endpoint = await tcpEndpoint((socket) => void socket.write('x'))
    for (const throws of [() => { throw new Error('a stranger') }, async () => { throw new Error('a stranger') }]) {
      const mesh = await tcpMesh([endpoint.address], { filters: [{ name: 'bad', [phase]: throws }] })
      expect(await mesh.connect().send('x').closed).toBe('reset')
      expect((await mesh.end()).error).toMatchObject({ code: 'MESH_FILTER_FAILED', detail: 'network filter "bad"' })
    }
  })

  it('that answer nonsense, or fail at the end, harm nobody else', async () => {
    const endpoint = await tcpEndpoint()
    const mesh = await tcpMesh([endpoint.address], {
      filters: [
        { name: 'nonsense', onDownstreamData: () => 'text' as never },
        { name: 'late', onEnd() { throw new Error('too late') } },
      ],
    })
    expect(await mesh.connect().send('x').closed).toBe('reset')
    expect((await mesh.end()).error).toMatchObject({ code: 'MESH_FILTER_FAILED', detail: expect.stringContaining('neither nothing nor bytes') as string })
    await until(() => mesh.lines.some((line) => line.includes('network filter \\"late\\"')), 'the log')
  })

  it('refuse by a code of their own, and close in peace', async () => {
    const endpoint = await tcpEndpoint((socket) => void socket.write('good bye'))
    const refusing = await tcpMesh([endpoint.address], { filters: [{ name: 'no', onNewConnection() { throw new MeshError('MESH_RATE_LIMITED') } }] })
    expect(await refusing.connect().closed).toBe('reset')
    expect((await refusing.end()).error?.code).toBe('MESH_RATE_LIMITED')
    expect(endpoint.wires).toHaveLength(0)
    const closing = await tcpMesh([endpoint.address], { filters: [{ name: 'bye', onDownstreamData: (connection) => connection.close() }] })
    const client = closing.connect()
    await arrived(client, 'good bye')
    client.send('x')
    expect(await client.closed).toBe('end')
    client.halfClose()
    expect(await closing.end()).toMatchObject({ error: undefined })
    // What it had sent is nothing that the endpoint should take for all of it.
    expect((await endpoint.wire()).text).toBe('')
  })

  it('are rid of clients that do not read to the end of a connection that is closed in peace', async () => {
    const flood = Buffer.alloc(65_536)
    const endpoint = await tcpEndpoint((socket) => {
      const fill = (): void => {
        while (socket.write(flood));
      }
      socket.on('drain', fill)
      fill()
    })
    let held: TcpConnection | undefined
    const mesh = await tcpMesh([endpoint.address], { listener: { timeouts: { tunnelIdleMs: 50 } }, filters: [{ name: 'bye', onUpstreamData: (connection) => void (held = connection) }] })
    const client = mesh.connect().pause()
    const connection = await until(() => held, 'the flood')
    await until(() => connection.exchange.responseBytes > 2_000_000 || connection.error !== undefined, 'the client to be full', 30_000)
    connection.close()
    // Whether the system still had room for all of it or not: nobody waits for this client for ever.
    await mesh.end()
    expect(mesh.app.mesh.runtime.deadlines.size).toBe(0)
    client.resume()
    await client.closed
  })

  it('close in peace before there is an endpoint', async () => {
    const mesh = await tcpMesh([], { filters: [{ name: 'bye', onNewConnection: (connection) => connection.close() }] })
    const client = mesh.connect()
    expect(await client.closed).toBe('end')
    client.halfClose()
    expect((await mesh.end()).error).toBeUndefined()
  })
})
