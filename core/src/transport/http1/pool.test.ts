// Which connection carries an attempt, how many there are, how long they last, and that none is left behind.
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ask, ok, over, peer, send, transport, turns, until, type Arrival, type Peer } from './peer.test.kit.ts'

const silent = (): void => {}
const hinting = (seconds: number): string => `HTTP/1.1 200 OK\r\nKeep-Alive: timeout=${seconds}\r\nContent-Length: 2\r\n\r\nok`

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Opens so many connections that lie idle, the first of them undermost. */
async function idle(through: ReturnType<typeof transport>, to: Peer, answers: readonly string[]): Promise<void> {
  const before = to.answer
  to.answer = silent
  const asked = answers.map(() => send(through, to))
  await until(() => to.arrivals.filter(({ heads }) => heads.length === 1).length === answers.length, 'all have asked')
  for (const [at, answer] of answers.entries()) {
    const told = asked.find((it) => !it.over)
    to.arrivals[at]?.send(answer)
    await until(() => asked.filter((it) => it.over).length === at + 1, 'it is answered')
    expect(told).toBeDefined()
    await turns(3)
  }
  to.answer = before
}

describe('reuse', () => {
  test('requests that follow each other share a connection', async () => {
    const to = await peer()
    const through = transport()
    for (let i = 0; i < 5; i++) expect((await ask(through, to)).events).toEqual(['sent', 'headers 200', 'end'])
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([5])
  })

  test('the connection that was released last is used next', async () => {
    const to = await peer()
    const through = transport()
    await idle(through, to, [ok, ok, ok])
    await ask(through, to)
    await ask(through, to)
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1, 3])
  })

  test.each([['Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'], ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'], ['a hint of no time', hinting(1)]])('%s ends the connection', async (_name, answer) => {
    const to = await peer(answer)
    const through = transport()
    await ask(through, to)
    await until(() => to.open === 0, 'the connection is closed')
    await ask(through, to)
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1])
  })

  test('keepAliveMs of 0 uses no connection twice', async () => {
    const to = await peer()
    const through = transport({ keepAliveMs: 0 })
    await ask(through, to)
    await ask(through, to)
    expect(to.arrivals.length).toBe(2)
  })
})

describe('idle connections', () => {
  const fake = (): void => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })

  test('are closed when their time is over', async () => {
    fake()
    const to = await peer()
    const through = transport({ keepAliveMs: 10_000 })
    await idle(through, to, [ok, ok])
    vi.advanceTimersByTime(9_500)
    await turns()
    expect(to.open).toBe(2)
    vi.advanceTimersByTime(1_500)
    await until(() => to.open === 0, 'both are closed')
  })

  test('are closed a second before the endpoint would, when it says so', async () => {
    fake()
    const to = await peer(hinting(5))
    const through = transport({ keepAliveMs: 60_000 })
    await ask(through, to)
    vi.advanceTimersByTime(3_500)
    await turns()
    expect(to.open).toBe(1)
    vi.advanceTimersByTime(1_000)
    await until(() => to.open === 0, 'it is closed')
  })

  test('are not kept longer because the endpoint would', async () => {
    fake()
    const to = await peer(hinting(600))
    const through = transport({ keepAliveMs: 2_000 })
    await ask(through, to)
    vi.advanceTimersByTime(3_000)
    await until(() => to.open === 0, 'it is closed')
  })

  test('are closed each at its own time, whichever was released first', async () => {
    fake()
    const to = await peer()
    const through = transport({ keepAliveMs: 60_000 })
    await idle(through, to, [ok, hinting(3), ok])
    vi.advanceTimersByTime(3_000)
    await until(() => to.open === 2, 'the one in the middle is closed')
    await turns()
    expect(to.arrivals.map(({ closed }) => closed)).toEqual([false, true, false])
  })

  test('are not used after their time, even when nobody has closed them yet', async () => {
    const to = await peer(hinting(5))
    const through = transport()
    await ask(through, to)
    const later = performance.now() + 4_100
    vi.spyOn(performance, 'now').mockImplementation(() => later)
    await ask(through, to)
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1])
  })

  test('are let go when the endpoint closes them', async () => {
    const to = await peer()
    const through = transport()
    await idle(through, to, [ok, ok])
    to.arrivals[1]?.socket.end()
    await until(() => to.open === 1, 'it is closed on both sides')
    await ask(through, to)
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([2, 1])
  })
})

describe('a limit of connections', () => {
  test('is kept, and those that wait are served in order', async () => {
    const to = await peer(silent)
    const through = transport({ connections: 2 })
    const asked = Array.from({ length: 6 }, (_, i) => send(through, to, { path: `/${i}` }))
    const answered: string[] = []
    for (let i = 0; i < 3; i++) {
      await until(() => to.arrivals.filter(({ heads }) => heads.length === i + 1).length === 2, 'two are under way')
      for (const arrival of to.arrivals) {
        answered.push(arrival.heads[i]?.split(' ')[1] ?? '')
        arrival.send(ok)
      }
    }
    await Promise.all(asked.map(over))
    expect(to.arrivals.length).toBe(2)
    expect(answered.slice(0, 2).sort()).toEqual(['/0', '/1'])
    expect(answered.slice(4).sort()).toEqual(['/4', '/5'])
  })

  test.each([[0], [2], [1_024]])('lets %i wait: the next is refused', async (pending) => {
    const to = await peer(silent)
    const through = transport({ connections: 1, pending })
    const asked = Array.from({ length: pending + 1 }, () => send(through, to))
    expect(asked.some((told) => told.over)).toBe(false)
    const refused = send(through, to)
    expect(refused.events).toEqual(['MESH_OVERFLOW'])
  })

  test('does not count those who have given up', async () => {
    const to = await peer(silent)
    const through = transport({ connections: 1, pending: 1 })
    send(through, to)
    for (let i = 0; i < 3; i++) {
      const waits = send(through, to)
      expect(waits.events).toEqual([])
      waits.flow?.abort(new Error('gone') as never)
    }
  })

  test('lets each wait for so long, and no longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const to = await peer(silent)
    const through = transport({ connections: 1, pendingMs: 1_000 })
    send(through, to)
    const first = send(through, to)
    vi.advanceTimersByTime(600)
    const second = send(through, to)
    vi.advanceTimersByTime(399)
    expect(first.events).toEqual([])
    vi.advanceTimersByTime(2)
    expect([first.events, second.events]).toEqual([['MESH_OVERFLOW'], []])
    vi.advanceTimersByTime(600)
    expect(second.events).toEqual(['MESH_OVERFLOW'])
    expect(second.error?.detail).toContain('1000 ms')
  })

  test('keeps no clock when nobody waits any more', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const to = await peer(silent)
    const through = transport({ connections: 1, connectMs: 0 })
    const first = send(through, to)
    const waits = send(through, to)
    await until(() => to.arrivals[0]?.heads.length === 1, 'the first is under way')
    expect(vi.getTimerCount()).toBe(1)
    to.answer = (arrival) => arrival.send(ok)
    to.arrivals[0]?.send(ok)
    await Promise.all([over(first), over(waits)])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('serves who waits when a connection is lost', async () => {
    const to = await peer((arrival, head) => void (head.startsWith('POST') ? arrival.socket.destroy() : arrival.send(ok)))
    const through = transport({ connections: 1 })
    const lost = send(through, to, { method: 'POST' })
    const waits = send(through, to)
    expect((await over(lost)).events).toEqual(['sent', 'MESH_UPSTREAM_CLOSED'])
    expect((await over(waits)).body).toBe('ok')
    expect(to.arrivals.length).toBe(2)
  })

  test('forgets who has given up waiting', async () => {
    const to = await peer(silent)
    const through = transport({ connections: 1 })
    const [first, second, third] = [send(through, to, { path: '/1' }), send(through, to, { path: '/2' }), send(through, to, { path: '/3' })]
    await until(() => to.arrivals[0]?.heads.length === 1, 'the first is under way')
    second.flow?.abort(new Error('gone') as never)
    to.answer = (arrival) => arrival.send(ok)
    to.arrivals[0]?.send(ok)
    await Promise.all([over(first), over(third)])
    expect(second.events).toEqual([])
    expect(to.arrivals.map(({ heads }) => heads.map((head) => head.split(' ')[1]))).toEqual([['/1', '/3']])
  })

  test('gives an upgrade a connection of its own in the place of an idle one', async () => {
    const to = await peer((arrival, head) => arrival.send(head.includes('upgrade: x') ? 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n' : ok))
    const through = transport({ connections: 1 })
    await ask(through, to)
    const told = await ask(through, to, { upgrade: 'x' })
    expect(told.events).toEqual(['sent', 'upgrade'])
    expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([1, 1])
    told.tunnel?.destroy()
  })
})

describe('connections that are made ahead', () => {
  test('are as many as asked for, no more than may be, and carry what comes', async () => {
    const to = await peer()
    const through = transport({ warmConnections: 3, connections: 2 })
    through.prepare([to.endpoint])
    through.prepare([to.endpoint])
    await until(() => to.arrivals.length === 2, 'they are there')
    await turns()
    await ask(through, to)
    await ask(through, to)
    expect(to.arrivals.map(({ heads }) => heads.length).toSorted((a, b) => a - b)).toEqual([0, 2])
  })

  test('are made again within a second when they are closed, while the endpoint is fit', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const to = await peer()
    const through = transport({ warmConnections: 1 })
    through.prepare([to.endpoint])
    for (const expected of [2, 2]) {
      await until(() => to.open === 1, 'it is there')
      await turns()
      for (const { socket } of to.arrivals) socket.destroy()
      await until(() => to.open === 0, 'it is closed')
      await turns()
      vi.advanceTimersByTime(1_000)
      await turns()
      expect(to.arrivals.length).toBe(expected)
      to.endpoint.healthy = false
    }
  })

  test('that are closed just when they are used first are replaced in silence', async () => {
    const to = await peer((arrival, _head) => (arrival === to.arrivals[0] ? arrival.socket.destroy() : arrival.send(ok)))
    const through = transport({ warmConnections: 1 })
    through.prepare([to.endpoint])
    await until(() => to.open === 1, 'it is there')
    await turns()
    expect((await ask(through, to)).events).toEqual(['sent', 'headers 200', 'end'])
  })

  test('to nobody who listens harm nobody', async () => {
    const to = await peer()
    await new Promise((resolve) => to.server.close(resolve))
    const through = transport({ warmConnections: 2 })
    through.prepare([to.endpoint])
    await turns()
    expect((await over(send(through, to))).events).toEqual(['MESH_CONNECT_FAILED'])
  })

  test('are closed when the endpoint is forgotten, and not made again', async () => {
    const to = await peer()
    const through = transport({ warmConnections: 2 })
    through.prepare([to.endpoint])
    await until(() => to.open === 2, 'they are there')
    await turns()
    through.forget(to.endpoint)
    await until(() => to.open === 0, 'they are closed')
  })

  test('are not made for an attempt that comes after all was told to end, as the last ones before a reload do', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const to = await peer()
    const through = transport({ warmConnections: 2 })
    through.prepare([to.endpoint])
    await until(() => to.open === 2, 'they are there')
    await turns()
    through.forget(to.endpoint)
    await until(() => to.open === 0, 'they are closed')
    await ask(through, to)
    vi.advanceTimersByTime(1_000)
    await turns()
    expect(to.arrivals.length).toBe(3)
  })
})

test('a connection carries as many requests as it may, and then another one goes on', async () => {
  const to = await peer()
  const through = transport({ requestsPerConnection: 2 })
  for (let i = 0; i < 5; i++) await ask(through, to)
  expect(to.arrivals.map(({ heads }) => heads.length)).toEqual([2, 2, 1])
  await until(() => to.open === 1, 'the spent ones are closed')
})

test('a connection that is not there in time is given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const to = await peer()
  const through = transport({ connectMs: 1_000 })
  const told = send(through, to)
  vi.advanceTimersByTime(1_000)
  expect(told.events).toEqual(['MESH_CONNECT_TIMEOUT'])
  const next = send(through, to)
  expect((await over(next)).body).toBe('ok')
  expect(vi.getTimerCount()).toBe(0)
})

describe('an endpoint that is forgotten', () => {
  test('loses its idle connections at once, the others when they are done', async () => {
    const to = await peer()
    const through = transport()
    await idle(through, to, [ok, ok])
    to.answer = silent
    const told = send(through, to)
    await until(() => to.arrivals[1]?.heads.length === 2, 'one is under way')
    through.forget(to.endpoint)
    await until(() => to.open === 1, 'the idle one is closed')
    to.arrivals[1]?.send(ok)
    expect((await over(told)).body).toBe('ok')
    await until(() => to.open === 0, 'the other one is closed')
  })

  test('still serves those that wait', async () => {
    const to = await peer(silent)
    const through = transport({ connections: 1 })
    const asked = [send(through, to), send(through, to), send(through, to)]
    await until(() => to.arrivals[0]?.heads.length === 1, 'the first is under way')
    through.forget(to.endpoint)
    to.answer = (arrival: Arrival) => arrival.send(ok)
    to.arrivals[0]?.send(ok)
    await Promise.all(asked.map(over))
    expect(asked.map(({ body }) => body)).toEqual(['ok', 'ok', 'ok'])
    await until(() => to.open === 0, 'all are closed')
  })
})

describe('a transport that is closed', () => {
  test('loses what is under way and what waits, and connects no more', async () => {
    const to = await peer()
    const through = transport({ connections: 1 })
    await ask(through, to)
    to.answer = silent
    const asked = [send(through, to), send(through, to), send(through, to, { method: 'POST' })]
    await until(() => to.arrivals[0]?.heads.length === 2, 'the first is under way')
    await through.close()
    await Promise.all(asked.map(over))
    expect(asked.map(({ error }) => error?.code)).toEqual(['MESH_CONNECT_FAILED', 'MESH_CONNECT_FAILED', 'MESH_CONNECT_FAILED'])
    expect(send(through, to).events).toEqual(['MESH_CONNECT_FAILED'])
    await until(() => to.open === 0, 'all are closed')
    await turns()
    expect(to.arrivals.length).toBe(1)
  })

  test('loses what is still connecting', async () => {
    const to = await peer(silent)
    const through = transport()
    const told = send(through, to)
    await through.close()
    expect((await over(told)).events).toEqual(['MESH_CONNECT_FAILED'])
  })
})

test('an endpoint that nobody listens at refuses the connection', async () => {
  const to = await peer()
  await new Promise((resolve) => to.server.close(resolve))
  const told = await over(send(transport(), to))
  expect(told.events).toEqual(['MESH_CONNECT_FAILED'])
  expect(told.error?.detail).toBe('ECONNREFUSED')
})
