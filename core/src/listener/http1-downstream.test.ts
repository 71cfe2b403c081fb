// The client's side of an exchange on a socket that counts: how many writes a response takes, that it is as long as it says, and how it ends.
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Headers } from '../headers.ts'
import { bytes } from '../unit.test.kit.ts'
import { Http1Downstream, type ResponseLink } from './http1-downstream.ts'

/** A socket whose writes are counted; while it is `stuck` nothing is sent. */
class CountingSocket extends Writable {
  readonly writes: string[] = []
  stuck = false
  #held: (() => void) | undefined = undefined

  override _write(chunk: Buffer, _encoding: unknown, done: () => void): void {
    this.#sent([chunk], done)
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    this.#sent(chunks.map(({ chunk }) => chunk), done)
  }

  release(): void {
    this.stuck = false
    this.#held?.()
  }

  #sent(chunks: readonly Buffer[], done: () => void): void {
    this.writes.push(Buffer.concat(chunks).toString('latin1'))
    if (this.stuck) this.#held = done
    else done()
  }
}

/** One response, and what was said of it. */
class Client implements ResponseLink {
  readonly counting = new CountingSocket()
  readonly keepAliveText = 'connection: keep-alive\r\n\r\n'
  readonly events: string[] = []
  readonly downstream: Http1Downstream
  readonly wrote: (error?: Error | null) => void
  last = false

  constructor(http10 = false, upgrading = false) {
    this.downstream = new Http1Downstream(this, http10, upgrading)
    this.wrote = (error) => this.downstream.wrote(error)
    this.downstream.relay = { drained: () => void this.events.push('drained'), closed: (finished) => void this.events.push(`closed ${finished}`) }
  }

  get socket(): Socket {
    return this.counting as unknown as Socket
  }

  get text(): string {
    return this.counting.writes.join('')
  }

  get body(): string {
    return this.text.slice(this.text.indexOf('\r\n\r\n') + 4)
  }

  head(...fields: string[]): this {
    if (!this.downstream.head(200, '', new Headers(['date', 'x', ...fields]), false)) throw new Error('the head was not written')
    return this
  }

  write(text: string): boolean {
    return this.downstream.write(bytes(text))
  }

  end(trailers?: Headers): Promise<void> {
    this.downstream.end(trailers)
    return this.settled()
  }

  async settled(): Promise<void> {
    await setImmediate()
    await setImmediate()
  }

  isLast(): boolean {
    return this.last
  }

  answered(close: boolean): void {
    this.events.push(`answered ${close ? 'last' : 'kept'}`)
  }

  endSoon(): void {
    this.events.push('endSoon')
  }

  reset(): void {
    this.events.push('reset')
  }

  detach(): undefined {
    this.events.push('detach')
  }
}

const finished = ['closed true', 'answered kept']

describe('a response is written', () => {
  test('at once, head and small body together', async () => {
    const client = new Client().head('content-length', '5')
    client.write('hello')
    await client.end()
    expect(client.counting.writes).toEqual(['HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello'])
    expect(client.events).toEqual(finished)
  })

  test('at once, small chunks merged with the head, the end and the trailers', async () => {
    const client = new Client().head()
    for (const piece of ['one', 'two', '']) client.write(piece)
    await client.end(new Headers(['X-Sum', '6', 'content-length', '9', 'x y', '1']))
    expect(client.counting.writes).toHaveLength(1)
    expect(client.body).toBe('3\r\none\r\n3\r\ntwo\r\n0\r\nX-Sum: 6\r\n\r\n')
  })

  test('head first when the body comes later, and pieces of one turn together', async () => {
    const client = new Client().head('content-length', '6')
    await client.settled()
    expect(client.counting.writes).toHaveLength(1)
    for (const piece of 'abcde') client.write(piece)
    await client.settled()
    expect(client.counting.writes.slice(1)).toEqual(['abcde'])
    client.write('f')
    await client.end()
    expect(client.counting.writes.slice(1)).toEqual(['abcde', 'f'])
    expect(client.events).toEqual(finished)
  })

  test('with a large piece as it is, in one go with its head', async () => {
    const client = new Client().head()
    client.write('x'.repeat(20_000))
    await client.settled()
    expect(client.counting.writes).toHaveLength(1)
    await client.end()
    expect(client.body).toBe(`4e20\r\n${'x'.repeat(20_000)}\r\n0\r\n\r\n`)
  })

  test('without a body when there is none', async () => {
    const client = new Client()
    client.downstream.head(204, '', new Headers(), true)
    client.write('not this')
    await client.end()
    expect([client.counting.writes.length, client.body]).toEqual([1, ''])
  })

  test('never longer than its length, and then it is the last', async () => {
    const client = new Client().head('content-length', '5')
    for (const piece of ['hel', 'lo!', 'HTTP/1.1 200 OK']) client.write(piece)
    await client.end()
    expect(client.body).toBe('hello')
    expect(client.events).toEqual(['closed true', 'answered last'])
  })

  test('is cut when it is shorter than its length', async () => {
    const client = new Client().head('content-length', '5')
    client.write('hell')
    await client.end()
    expect(client.body).toBe('hell')
    expect(client.events).toEqual(['endSoon'])
  })

  test('as the last one when the connection says so, or the client was not asked for its body', async () => {
    for (const prepare of [(client: Client) => void (client.last = true), (client: Client) => client.downstream.expectBody(), (client: Client) => client.downstream.closeAfter()]) {
      const client = new Client()
      prepare(client)
      await client.head('content-length', '0').end()
      expect(client.text).toContain('connection: close\r\n')
      expect(client.events).toEqual(['closed true', 'answered last'])
    }
  })

  test('to HTTP/1.0 until the close, in no chunks', async () => {
    const client = new Client(true).head()
    client.write('hello')
    await client.end(new Headers(['X-Sum', '6']))
    expect(client.body).toBe('hello')
    expect(client.events).toEqual(['closed true', 'answered last'])
  })

  test('not at all when HTTP cannot carry it', () => {
    const client = new Client()
    expect(client.downstream.head(200, '', new Headers(['x', 'a\r\nb: c']), false)).toBe(false)
    expect([client.downstream.headSent, client.text]).toEqual([false, ''])
  })
})

describe('a client that does not read', () => {
  test('holds the endpoint up, until all is sent', async () => {
    const client = new Client().head()
    client.counting.stuck = true
    const answers = Array.from({ length: 5 }, () => client.write('x'.repeat(65_536)))
    expect(answers).toEqual([true, true, true, false, false])
    await client.settled()
    expect(client.events).toEqual([])
    client.counting.release()
    await client.settled()
    expect(client.events).toEqual(['drained'])
    await client.end()
    expect(client.events).toEqual(['drained', ...finished])
  })

  test('is told apart by a flush', async () => {
    const client = new Client().head()
    await client.settled()
    expect(client.downstream.flush()).toBe(true)
    client.counting.stuck = true
    client.write('x'.repeat(20_000))
    expect(client.downstream.flush()).toBe(false)
    client.counting.release()
    await client.settled()
    expect(client.events).toEqual(['drained'])
  })

  test('is not answered before everything is sent', async () => {
    const client = new Client().head()
    client.counting.stuck = true
    client.write('x'.repeat(20_000))
    await client.end()
    expect(client.events).toEqual([])
    client.counting.release()
    await client.settled()
    expect(client.events).toEqual(finished)
  })
})

describe('an interim response', () => {
  test('goes out at once, without fields that cannot stand there', () => {
    const client = new Client()
    client.downstream.inform(103, new Headers(['link', '</a>', 'x', 'a\r\nb: c', 'x y', '1']))
    expect(client.text).toBe('HTTP/1.1 103 \r\nlink: </a>\r\n\r\n')
  })

  test('100 is sent once, to a client that waits for it', () => {
    const client = new Client()
    client.downstream.inform(100, new Headers())
    expect(client.text).toBe('')
    client.downstream.expectBody()
    client.downstream.bodyOpened()
    client.downstream.bodyOpened()
    client.downstream.inform(100, new Headers())
    expect(client.text).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  })

  test('is none for HTTP/1.0, for who asks for another protocol, behind the head, and 101', () => {
    for (const client of [new Client(true), new Client(false, true), new Client().head()]) client.downstream.inform(103, new Headers())
    const client = new Client()
    for (const status of [101, 99, 200]) client.downstream.inform(status, new Headers())
    expect(client.text).toBe('')
  })
})

describe('an exchange that is cut', () => {
  test('before its head, or where only the close would tell its end, is a reset', () => {
    for (const client of [new Client(), new Client(true).head()]) {
      client.downstream.abort()
      client.downstream.abort()
      expect(client.events).toEqual(['reset'])
    }
  })

  test('in a framed body ends behind what was written', async () => {
    for (const fields of [[], ['content-length', '10']]) {
      const client = new Client().head(...fields)
      client.write('hello')
      client.downstream.abort()
      await client.end()
      expect(client.body).toMatch(/hello(\r\n)?$/)
      expect(client.events).toEqual(['endSoon'])
    }
  })

  test('while the client does not read is a reset', () => {
    const client = new Client().head()
    client.counting.stuck = true
    client.write('x'.repeat(200_000))
    client.downstream.abort()
    expect(client.events).toEqual(['reset'])
  })

  test('by the client is told once, and nothing more is written', async () => {
    const client = new Client().head('content-length', '5')
    client.downstream.lost()
    expect([client.write('hello'), client.downstream.flush()]).toEqual([true, true])
    await client.end()
    client.downstream.abort()
    expect([client.text, client.events]).toEqual(['', ['closed false']])
  })

  test('when it was over ends the connection only', async () => {
    const client = new Client().head('content-length', '0')
    await client.end()
    client.downstream.abort()
    expect(client.events).toEqual([...finished, 'endSoon'])
  })
})
