// What one attempt writes and passes on: bodies, expectations, early answers, upgrades, pauses, and giving up.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { MeshError } from '../../errors.ts'
import { Headers } from '../../headers.ts'
import { RequestBody } from '../../request-body.ts'
import { ask, body, ok, over, peer, send, Source, transport, turns, until } from './peer.test.kit.ts'

const silent = (): void => {}
const gone = new MeshError('MESH_CLIENT_CLOSED')

afterEach(() => void vi.useRealTimers())

describe('a request', () => {
  test('goes out as it was meant', async () => {
    const to = await peer()
    await ask(transport(), to, { method: 'GET', path: '/a', query: 'b=c', hasQuery: true, headers: new Headers(['X-A', '1', 'x-a', '\xfc']) })
    expect(to.arrivals[0]?.text).toBe('GET /a?b=c HTTP/1.1\r\nhost: a.example\r\nX-A: 1\r\nx-a: \xfc\r\n\r\n')
  })

  test('without a body says so when its method expects one', async () => {
    const to = await peer()
    await ask(transport(), to, { method: 'POST' })
    expect(to.arrivals[0]?.text).toBe('POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\n\r\n')
  })

  test.each([
    ['a target with a blank', { path: '/a b' }], ['a target with a line end', { path: '/a\r\nX: y' }], ['an empty target', { path: '' }], ['a target above ASCII', { path: '/\xfc' }], ['a method that is no token', { method: 'GET /' }],
    ['a Host with a line end', { authority: 'a\r\nX: y' }], ['a name that is no token', { headers: new Headers(['X A', '1']) }], ['a value with a line end', { headers: new Headers(['X-A', '1\r\nX: y']) }], ['a value with NUL', { headers: new Headers(['X-A', '\0']) }],
    // One byte is written for each character: of these, those of a line end.
    ['a value above Latin-1', { headers: new Headers(['X-A', 'a\u010d\u010aX: y']) }], ['a Host above Latin-1', { authority: 'a\u010d\u010aX: y' }],
  ])('is not sent with %s', async (_name, parts) => {
    const to = await peer()
    expect(send(transport(), to, parts).events).toEqual(['MESH_BAD_HEADER'])
    await turns(5)
    expect(to.arrivals.length).toBe(0)
  })

  test('takes no framing from a filter', async () => {
    const to = await peer()
    await ask(transport(), to, { headers: new Headers(['Content-Length', '5', 'Transfer-Encoding', 'chunked', 'Connection', 'close', 'Host', 'b.example', 'Keep-Alive', 'x']) })
    expect(to.arrivals[0]?.text).toBe('GET / HTTP/1.1\r\nhost: a.example\r\n\r\n')
  })
})

describe('a request body', () => {
  test('of a known length leaves with the head', async () => {
    const to = await peer()
    await ask(transport(), to, { method: 'POST' }, body('hello', true))
    expect(to.arrivals[0]?.text).toBe('POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nhello')
  })

  test('of an unknown length is chunked, with its trailers', async () => {
    const to = await peer(silent)
    const source = new Source()
    const told = send(transport(), to, { method: 'POST' }, new RequestBody(source, undefined, 0))
    await until(() => source.receiver !== undefined, 'the body is asked for')
    source.receiver?.receive(Buffer.from('hello'))
    source.receiver?.receive(Buffer.alloc(0))
    source.receiver?.receive(Buffer.from('x'.repeat(16)))
    source.receiver?.finish(new Headers(['X-Sum', '42']))
    const expected = `\r\n\r\n5\r\nhello\r\n10\r\n${'x'.repeat(16)}\r\n0\r\nX-Sum: 42\r\n\r\n`
    await until(() => to.arrivals[0]?.text.endsWith(expected) === true, 'all of it is there')
    expect(to.arrivals[0]?.heads[0]).toContain('\r\ntransfer-encoding: chunked\r\n')
    to.arrivals[0]?.send(ok)
    await over(told)
  })

  test('waits for an endpoint that does not read', async () => {
    const to = await peer((arrival) => void arrival.socket.pause())
    const source = new Source()
    const told = send(transport(), to, { method: 'POST' }, new RequestBody(source, undefined, 0))
    await until(() => source.receiver !== undefined, 'the body is asked for')
    let given = 0
    for (; !source.paused && given < 64; given++) {
      source.receiver?.receive(Buffer.alloc(1_048_576, 0x61))
      await turns(1)
    }
    expect(source.paused).toBe(true)
    to.arrivals[0]?.socket.resume()
    await until(() => !source.paused, 'it goes on')
    source.receiver?.finish(undefined)
    await until(() => to.arrivals[0]?.text.endsWith('0\r\n\r\n') === true, 'all of it is there')
    to.arrivals[0]?.send(ok)
    expect((await over(told)).body).toBe('ok')
  })

  test('that the client breaks off closes the connection, and is never ended', async () => {
    const to = await peer(silent)
    const source = new Source()
    send(transport(), to, { method: 'POST' }, new RequestBody(source, undefined, 0))
    await until(() => source.receiver !== undefined, 'the body is asked for')
    source.receiver?.receive(Buffer.from('hello'))
    await until(() => to.arrivals[0]?.text.endsWith('hello\r\n') === true, 'its beginning is there')
    source.receiver?.fail(gone)
    await until(() => to.open === 0, 'it is closed')
    expect(to.arrivals[0]?.text).not.toMatch(/\r\n0\r\n/)
  })
})

describe('an expectation', () => {
  const waiting = (source: Source) => [{ method: 'PUT', expectContinue: true }, new RequestBody(source, 5, 0)] as const

  test('is passed on, and the body waits for the 100', async () => {
    const to = await peer(silent)
    const source = new Source()
    const told = send(transport(), to, ...waiting(source))
    await until(() => to.arrivals[0]?.heads.length === 1, 'the head is there')
    await turns()
    expect([source.receiver, to.arrivals[0]?.text.includes('expect: 100-continue\r\n')]).toEqual([undefined, true])
    to.arrivals[0]?.send('HTTP/1.1 100 Continue\r\n\r\n')
    await until(() => source.receiver !== undefined, 'the body is asked for')
    source.receiver?.receive(Buffer.from('hello'))
    source.receiver?.finish(undefined)
    await until(() => to.arrivals[0]?.text.endsWith('hello') === true, 'the body is there')
    to.arrivals[0]?.send(ok)
    expect((await over(told)).events).toEqual(['sent', 'inform 100', 'headers 200', 'end'])
  })

  test('that is refused ends the connection without the body', async () => {
    const to = await peer('HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n')
    const source = new Source()
    const through = transport()
    expect((await over(send(through, to, ...waiting(source)))).events).toEqual(['sent', 'headers 417', 'end'])
    await until(() => to.open === 0, 'it is closed')
    expect([source.receiver, to.arrivals[0]?.text.endsWith('\r\n\r\n')]).toEqual([undefined, true])
  })

  test('that is passed over in silence is given up after a second', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const to = await peer(silent)
    const source = new Source()
    const told = send(transport(), to, ...waiting(source))
    await until(() => to.arrivals[0]?.heads.length === 1, 'the head is there')
    vi.advanceTimersByTime(999)
    expect(source.receiver).toBeUndefined()
    vi.advanceTimersByTime(1)
    expect(source.receiver).toBeDefined()
    told.flow?.abort(gone)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('an answer before the request is whole', () => {
  test('is passed on; the rest is not sent, and the connection is closed', async () => {
    const to = await peer()
    const source = new Source()
    const through = transport()
    const told = await over(send(through, to, { method: 'POST' }, new RequestBody(source, 1_000, 0)))
    expect([told.body, source.paused]).toEqual(['ok', true])
    await until(() => to.open === 0, 'it is closed')
    source.receiver?.receive(Buffer.from('late'))
    await ask(through, to)
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1])
    expect(to.arrivals[0]?.text.endsWith('\r\n\r\n')).toBe(true)
  })

  test('closes the connection also when the rest only lies in a buffer', async () => {
    const to = await peer((arrival, head) => {
      if (head.startsWith('POST')) arrival.socket.pause()
      arrival.send(ok)
    })
    const through = transport()
    // More than the buffers of two sockets hold.
    expect((await ask(through, to, { method: 'POST' }, body('x'.repeat(33_554_432), true))).body).toBe('ok')
    expect((await ask(through, to)).body).toBe('ok')
    expect(to.arrivals.length).toBe(2)
    to.arrivals[0]?.socket.resume()
  })
})

describe('giving up', () => {
  test('closes the connection, and nothing more is told', async () => {
    const to = await peer(silent)
    const told = send(transport(), to)
    await until(() => to.arrivals[0]?.heads.length === 1, 'it is under way')
    told.flow?.abort(gone)
    told.flow?.abort(gone)
    await until(() => to.open === 0, 'it is closed')
    expect(told.events).toEqual(['sent'])
  })

  test('in the middle of a body closes the connection', async () => {
    const to = await peer('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello')
    const told = send(transport(), to)
    await until(() => told.body === 'hello', 'the beginning is there')
    told.flow?.abort(gone)
    await until(() => to.open === 0, 'it is closed')
    expect(told.events).toEqual(['sent', 'headers 200'])
  })

  test('from within an event tells nothing more of the same packet', async () => {
    const to = await peer()
    const told = send(transport(), to)
    told.onHeaders = ({ status }) => {
      told.events.push(`headers ${status}`)
      told.flow?.abort(gone)
    }
    await until(() => to.arrivals.length === 1 && to.open === 0, 'it is closed')
    expect([told.events, told.body]).toEqual([['sent', 'headers 200'], ''])
  })

  test('before the connection is there sends nothing', async () => {
    const to = await peer(silent)
    const told = send(transport(), to)
    told.flow?.abort(gone)
    await turns()
    await until(() => to.open === 0, 'nothing is open')
    expect([told.events, to.arrivals.map(({ text }) => text).join('')]).toEqual([[], ''])
  })

  test('after the end harms nobody', async () => {
    const to = await peer()
    const through = transport()
    const told = await ask(through, to)
    told.flow?.abort(gone)
    told.flow?.pause()
    await ask(through, to)
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([2])
  })
})

describe('a pause', () => {
  test('stops reading from the endpoint, and going on gives everything', async () => {
    const bytes = 16_777_216
    const to = await peer((arrival) => arrival.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`))
    const through = transport()
    const told = send(through, to)
    await until(() => told.response !== undefined, 'the head is there')
    told.flow?.pause()
    await turns(5)
    const { length } = told.body
    await turns(50)
    expect(told.body.length).toBe(length)
    expect(length).toBeLessThan(bytes)
    told.flow?.resume()
    expect((await over(told)).body.length).toBe(bytes)
    await turns(2)
    await ask(through, to)
    expect(to.arrivals.length).toBe(1)
  })

  test('that lasts over the end does not keep the connection from seeing what comes behind it', async () => {
    const to = await peer()
    const through = transport()
    const told = send(through, to)
    told.onData = () => told.flow?.pause()
    await over(told)
    await turns(3)
    to.arrivals[0]?.send('evil')
    await until(() => to.open === 0, 'it is closed')
  })
})

describe('an upgrade', () => {
  const switching = 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n'

  test('hands the connection over, with what came already', async () => {
    const to = await peer(`${switching}early`)
    const told = await over(send(transport(), to, { upgrade: 'websocket' }))
    expect([told.events, told.response?.headers.get('upgrade')]).toEqual([['sent', 'upgrade'], 'websocket'])
    let text = ''
    told.tunnel?.on('data', (bytes: Buffer) => (text += bytes.toString()))
    told.tunnel?.resume()
    told.tunnel?.write('hello')
    await until(() => text === 'early' && to.arrivals[0]?.text.endsWith('hello') === true, 'both directions work')
    to.arrivals[0]?.send(' late')
    await until(() => text === 'early late', 'more comes')
    told.tunnel?.end()
    await until(() => to.open === 0, 'it is closed')
  })

  test.each([['another protocol', 'websocket', 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'], ['none', 'websocket', 'HTTP/1.1 101 Switching\r\n\r\n'], ['one nobody asked for', undefined, switching]])('to %s is an error', async (_name, upgrade, answer) => {
    const to = await peer(answer)
    expect((await over(send(transport(), to, { upgrade }))).events).toEqual(['sent', 'MESH_UPSTREAM_PROTOCOL'])
    await until(() => to.open === 0, 'it is closed')
  })

  test('that is declined is an ordinary response', async () => {
    const to = await peer()
    const through = transport()
    expect((await ask(through, to, { upgrade: 'websocket' })).body).toBe('ok')
    await ask(through, to)
    expect(to.arrivals.length).toBe(1)
  })
})

test('interim responses and trailers are passed on', async () => {
  const to = await peer('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 42\r\n\r\n')
  const told = await ask(transport(), to)
  expect(told).toMatchObject({ events: ['sent', 'inform 103', 'headers 200', 'end'], body: 'ok' })
  expect(told.trailers?.toList()).toEqual(['X-Sum', '42'])
})
