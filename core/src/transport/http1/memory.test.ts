// Reads go to the same memory again, and never over bytes that somebody still needs.
import { describe, expect, test } from 'vitest'
import { exchange, over, peer, Told, transport, turns, until, type Peer } from './peer.test.kit.ts'
import type { Http1Transport } from '../http1.ts'

/** Keeps the chunks as they were handed over, and says whether it needs them. */
class Keeper extends Told {
  readonly kept: Uint8Array[] = []
  /** What is answered to the question whether the bytes are no longer needed; while it is false, reading is stopped. */
  done = true
  flushes = 0

  override onData(chunk: Uint8Array): void {
    super.onData(chunk)
    this.kept.push(chunk)
  }

  override onFlush(): boolean {
    this.flushes++
    if (!this.done && !this.over) this.flow?.pause()
    return this.done
  }

  get keptText(): string {
    return this.kept.map((chunk) => Buffer.from(chunk).toString('latin1')).join('')
  }

  get memory(): Set<ArrayBufferLike> {
    return new Set(this.kept.map(({ buffer }) => buffer))
  }
}

function keep(through: Http1Transport, to: Peer, done: boolean): Keeper {
  const keeper = new Keeper()
  keeper.done = done
  keeper.flow = through.send(exchange(), to.endpoint, keeper)
  return keeper
}

const response = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

describe('the memory that a response is read into', () => {
  test('is the same for the next read and the next response once nobody needs it', async () => {
    const to = await peer((arrival) => arrival.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none'))
    const through = transport()
    const first = keep(through, to, true)
    for (const [more, length] of [['two', 6], ['six', 9]] as const) {
      await until(() => first.body.length === length - 3, 'the piece before is there')
      to.arrivals[0]?.send(more)
    }
    await over(first)
    await turns(2)
    to.answer = (arrival) => arrival.send(response('ten'))
    const second = keep(through, to, true)
    await over(second)
    expect([first.body, second.body, to.arrivals.length]).toEqual(['onetwosix', 'ten', 1])
    expect(new Set([...first.memory, ...second.memory]).size).toBe(1)
    expect(first.flushes).toBe(3)
  })

  test('stays as it is until reading goes on', async () => {
    const to = await peer((arrival) => arrival.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none'))
    const keeper = keep(transport(), to, false)
    await until(() => keeper.body === 'one', 'the first piece is there')
    to.arrivals[0]?.send('two')
    await turns()
    expect([keeper.keptText, keeper.flushes]).toEqual(['one', 1])
    keeper.done = true
    keeper.flow?.resume()
    expect((await over(keeper)).body).toBe('onetwo')
    expect(keeper.memory.size).toBe(1)
  })

  test('is left to whoever still needs it when the response is over', async () => {
    const to = await peer((arrival, _head, at) => arrival.send(response(`answer ${at}`)))
    const through = transport()
    const kept: Keeper[] = []
    for (let i = 0; i < 5; i++) {
      const keeper = keep(through, to, false)
      await over(keeper)
      await turns(2)
      kept.push(keeper)
    }
    expect(to.arrivals.length).toBe(1)
    expect(kept.map(({ keptText }) => keptText)).toEqual(['answer 0', 'answer 1', 'answer 2', 'answer 3', 'answer 4'])
  })

  test('is new for every read while somebody needs the last one and reads on all the same', async () => {
    const to = await peer((arrival) => arrival.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none'))
    const keeper = new Keeper()
    keeper.onFlush = () => false
    keeper.flow = transport().send(exchange(), to.endpoint, keeper)
    await until(() => keeper.body === 'one', 'the first piece is there')
    to.arrivals[0]?.send('two')
    await over(keeper)
    expect([keeper.keptText, keeper.memory.size]).toEqual(['onetwo', 2])
  })

  test('is not shared by connections', async () => {
    const to = await peer(() => {})
    const through = transport()
    const keepers = [keep(through, to, true), keep(through, to, true)]
    await until(() => to.arrivals.length === 2 && to.arrivals.every(({ heads }) => heads.length === 1), 'both are under way')
    to.arrivals[0]?.send(response('zero'))
    to.arrivals[1]?.send(response('one!'))
    await Promise.all(keepers.map(over))
    expect(keepers.map(({ keptText }) => keptText).toSorted()).toEqual(['one!', 'zero'])
  })
})
