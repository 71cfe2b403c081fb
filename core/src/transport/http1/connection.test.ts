// A connection that said too much, or went away, never answers anybody else; and what is tried again, and what never is.
import { describe, expect, test, vi } from 'vitest'
import { ask, body, exchange, ok, over, peer, send, Source, Told, transport, turns, until, type Answer } from './peer.test.kit.ts'
import { RequestBody } from '../../request-body.ts'

const evil = 'HTTP/1.1 666 Evil\r\nContent-Length: 4\r\n\r\nevil'

/** Answers the first request of each connection; from the second on, does this. */
const second = (then: Answer): Answer => (arrival, head, at) => (at === 0 ? arrival.send(ok) : then(arrival, head, at))

describe('bytes behind a response', () => {
  test.each([
    ['another response', ok + evil], ['behind chunks', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${evil}`], ['a single byte', `${ok}H`], ['an empty line', `${ok}\r\n`],
    ['a body of a 204', `HTTP/1.1 204 No Content\r\nContent-Length: 46\r\n\r\n${evil}`], ['a body of a 304', `HTTP/1.1 304 Not Modified\r\nContent-Length: 46\r\n\r\n${evil}`],
  ])('in the same packet end the connection: %s', async (_name, answer) => {
    const to = await peer(answer)
    const through = transport()
    for (let i = 0; i < 3; i++) {
      const { events, response } = await over(send(through, to))
      expect([response?.status === 666, events.at(-1)]).toEqual([false, 'end'])
    }
    await until(() => to.open === 0, 'all are closed')
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1, 1])
  })

  test('a body of the answer to a HEAD ends the connection', async () => {
    const to = await peer(ok)
    const through = transport()
    expect((await over(send(through, to, { method: 'HEAD' }))).body).toBe('')
    expect((await over(send(through, to))).body).toBe('ok')
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1])
  })

  test('in a later packet end the idle connection', async () => {
    const to = await peer()
    const through = transport()
    await ask(through, to)
    to.arrivals[0]?.send(evil)
    await until(() => to.open === 0, 'it is closed')
    expect((await ask(through, to)).response?.status).toBe(200)
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1])
  })

  test('in the next piece that is read are nobody else’s, even when the next request goes out in between', async () => {
    // As much as is read at once: what comes behind it waits for a read of its own, in the same turn of the event loop.
    const start = 'HTTP/1.1 200 OK\r\nContent-Length: 65494\r\n\r\n'
    const whole = start + 'x'.repeat(65_494)
    expect(whole.length).toBe(65_536)
    const to = await peer(whole + evil)
    const through = transport()
    const statuses: (number | undefined)[] = []
    await new Promise<void>((resolve) => {
      // The next one is sent from within the end of the one before: no time for anything to arrive in between.
      const next = (): void => {
        const told = new Told()
        told.onEnd = () => {
          statuses.push(told.response?.status)
          if (statuses.length === 100) resolve()
          else next()
        }
        through.send(exchange(), to.endpoint, told)
      }
      next()
    })
    expect(new Set(statuses)).toEqual(new Set([200]))
    await until(() => to.open === 0, 'all are closed')
    expect(to.arrivals.every(({ heads }) => heads.length === 1)).toBe(true)
  })

  test('that are here before the next request has gone out are not its answer', async () => {
    const to = await peer()
    const through = transport()
    await ask(through, to)
    // In one go: they have arrived when this turn's reads come, and the request leaves behind those.
    to.arrivals[0]?.send(evil)
    const told = await over(send(through, to))
    expect([told.events, told.body, told.exchange?.resent]).toEqual([['sent', 'headers 200', 'end'], 'ok', 1])
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1])
  })

  test('that come instead of the next response are an error, not a reason to ask again', async () => {
    const to = await peer(second((arrival) => arrival.send(`\0${evil}`)))
    const through = transport()
    await ask(through, to)
    expect((await over(send(through, to))).events).toEqual(['sent', 'MESH_UPSTREAM_PROTOCOL'])
    await until(() => to.open === 0, 'it is closed')
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([2])
  })
})

describe('an idle connection that is closed just when it is used again', () => {
  const closes: Answer = second((arrival) => arrival.socket.destroy())

  test.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('is replaced by a fresh one for %s, in silence', async (method) => {
    const to = await peer(second((arrival) => arrival.socket.resetAndDestroy()))
    const through = transport()
    await ask(through, to)
    const told = await over(send(through, to, { method }))
    expect([told.events, told.exchange?.resent]).toEqual([['sent', 'headers 200', 'end'], 1])
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([2, 1])
  })

  test('is an error for POST, which is sent once', async () => {
    const to = await peer(closes)
    const through = transport()
    await ask(through, to)
    expect((await over(send(through, to, { method: 'POST' }))).events).toEqual(['sent', 'MESH_UPSTREAM_CLOSED'])
    await turns()
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([2])
  })

  test('is an error for a body that has been let go', async () => {
    const to = await peer(closes)
    const through = transport()
    await ask(through, to)
    expect((await over(send(through, to, { method: 'PUT' }, body('hello', true)))).events).toEqual(['sent', 'MESH_UPSTREAM_CLOSED'])
    await turns()
    expect(to.arrivals.length).toBe(1)
  })

  test('is an error once a byte of the response has come', async () => {
    const to = await peer(second((arrival) => void arrival.socket.end('HTTP/1.1 103 Early Hints\r\n\r\n')))
    const through = transport()
    await ask(through, to)
    expect((await over(send(through, to))).events).toEqual(['sent', 'inform 103', 'MESH_UPSTREAM_CLOSED'])
    await turns()
    expect(to.arrivals.length).toBe(1)
  })

  test('is replaced once: a fresh one that is closed is an error', async () => {
    const to = await peer(ok)
    const through = transport()
    await ask(through, to)
    to.answer = (arrival) => void arrival.socket.destroy()
    expect((await over(send(through, to))).events.at(-1)).toBe('MESH_UPSTREAM_CLOSED')
    await turns()
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([2, 1])
  })

  test('is replaced by a fresh one also at a limit, in the place of an idle one', async () => {
    const to = await peer(() => {})
    const through = transport({ connections: 2 })
    const asked = [send(through, to), send(through, to)]
    await until(() => to.arrivals.length === 2 && to.arrivals.every(({ heads }) => heads.length === 1), 'both are under way')
    for (const arrival of to.arrivals) arrival.send(ok)
    await Promise.all(asked.map(over))
    await turns(3)
    to.answer = (arrival) => void arrival.socket.destroy()
    expect((await over(send(through, to))).events.at(-1)).toBe('MESH_UPSTREAM_CLOSED')
    await turns()
    expect(to.arrivals.map(({ heads }) => heads.length).toSorted((a, b) => a - b)).toEqual([1, 1, 2])
  })

  test('is replaced once, also when another used one is free first', async () => {
    const to = await peer(() => {})
    const through = transport({ connections: 2 })
    const asked = [send(through, to), send(through, to)]
    await until(() => to.arrivals.length === 2 && to.arrivals.every(({ heads }) => heads.length === 1), 'both are under way')
    to.arrivals[1]?.send(ok)
    await until(() => asked.some((told) => told.over), 'one is answered')
    await turns(3)
    let times = 0
    to.answer = (arrival) => {
      times++
      if (times > 2) arrival.send(ok)
      else if (times === 2) arrival.socket.destroy()
      else {
        arrival.socket.end()
        to.arrivals[0]?.send(ok)
      }
    }
    expect((await over(send(through, to))).events.at(-1)).toBe('MESH_UPSTREAM_CLOSED')
    expect(times).toBe(2)
  })

  test('does not start the wait for 100 (Continue) twice', async () => {
    const to = await peer(closes)
    const through = transport({ connections: 1 })
    await ask(through, to)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      to.answer = (arrival, _head, at) => at > 0 && arrival.socket.destroy()
      const source = new Source()
      const told = send(through, to, { method: 'PUT', expectContinue: true }, new RequestBody(source, 5, 0))
      await until(() => to.arrivals[1]?.heads.length === 1, 'it is sent again')
      expect(vi.getTimerCount()).toBe(1)
      expect(source.receiver).toBeUndefined()
      vi.advanceTimersByTime(1_000)
      source.receiver?.receive(Buffer.from('hello'))
      source.receiver?.finish(undefined)
      await until(() => to.arrivals[1]?.text.endsWith('hello') === true, 'the body is there')
      to.arrivals[1]?.send(ok)
      expect((await over(told)).events.at(-1)).toBe('end')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a response that is not whole', () => {
  test.each([
    ['nothing', ''], ['half a head', 'HTTP/1.1 200 OK\r\nConte'], ['half a body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe'], ['half the chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n'],
  ])('ends with MESH_UPSTREAM_CLOSED when the endpoint closes or resets: %s', async (_name, bytes) => {
    for (const reset of [false, true]) {
      const to = await peer((arrival) => arrival.socket.write(bytes, 'latin1', () => (reset ? arrival.socket.resetAndDestroy() : arrival.socket.end())))
      expect((await over(send(transport(), to))).events.at(-1)).toBe('MESH_UPSTREAM_CLOSED')
    }
  })

  test('is complete when the close delimits it, and the connection is gone', async () => {
    const to = await peer((arrival) => void arrival.socket.end('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nhello'))
    const through = transport()
    expect(await ask(through, to)).toMatchObject({ body: 'hello', events: ['sent', 'headers 200', 'end'] })
    await ask(through, to)
    expect(to.arrivals.length).toBe(2)
  })

  test('and breaks the rules in its middle ends with MESH_UPSTREAM_PROTOCOL and the connection', async () => {
    const to = await peer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nXX\r\n')
    const told = await over(send(transport(), to))
    expect([told.body, told.events]).toEqual(['ok', ['sent', 'headers 200', 'MESH_UPSTREAM_PROTOCOL']])
    await until(() => to.open === 0, 'it is closed')
  })

  test.each([['a long head', `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(2_000)}\r\n\r\n`], ['a head without an end', `HTTP/1.1 200 OK\r\nX-A: ${'x'.repeat(2_000)}`]])('%s ends with MESH_UPSTREAM_HEAD_TOO_LARGE', async (_name, bytes) => {
    const to = await peer(bytes)
    expect((await over(send(transport({ headBytes: 1_000 }), to))).events).toEqual(['sent', 'MESH_UPSTREAM_HEAD_TOO_LARGE'])
    await until(() => to.open === 0, 'it is closed')
  })
})
