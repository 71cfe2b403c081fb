// A request body: read when somebody wants it, kept when it may be needed again, and never more of it than that.
import { describe, expect, test } from 'vitest'
import { Chain } from './chain.ts'
import { MeshError } from './errors.ts'
import type { BodySink } from './flow.ts'
import { Headers } from './headers.ts'
import { reply } from './reply.ts'
import { RequestBody } from './request-body.ts'
import { bytes, exchange, FedSource, textOf } from './unit.test.kit.ts'
import type { Filter } from './questions.ts'

class Sink implements BodySink {
  readonly chunks: Uint8Array[] = []
  readonly events: string[] = []
  takesMore = true
  trailers: Headers | undefined = undefined

  write(chunk: Uint8Array): boolean {
    this.chunks.push(chunk)
    return this.takesMore
  }

  end(trailers: Headers | undefined): void {
    this.trailers = trailers
    this.events.push('end')
  }

  abort(error: MeshError): void {
    this.events.push(error.code)
  }
}

interface Setup {
  readonly maxBytes?: number
  readonly keepBytes?: number
  readonly declaredBytes?: number
  readonly filters?: readonly Filter[]
}

function setup({ maxBytes = 0, keepBytes = 0, declaredBytes, filters = [] }: Setup = {}): { source: FedSource; body: RequestBody; told: string[] } {
  const source = new FedSource()
  const body = new RequestBody(source, declaredBytes, maxBytes)
  const told: string[] = []
  body.prepare(
    {
      bodyArrived: (count) => void told.push(`arrived ${count}`),
      bodyWaiting: (on) => void told.push(`for ${on}`),
      bodySent: () => void told.push('sent'),
      bodyFailed: (error) => void told.push(error.code),
      bodyAnswered: (reply) => void told.push(`answered ${reply.status}`),
    },
    exchange(),
    new Chain(filters).requestBody,
    keepBytes,
  )
  return { source, body, told }
}

describe('a request body', () => {
  test('is not read before an attempt wants it', () => {
    const { source, body } = setup()
    expect(source.events).toEqual([])
    body.sendTo(new Sink())
    expect(source.events).toEqual(['open'])
  })

  test('goes to the attempt as it comes, and nothing of it stays here', () => {
    const { source, body, told } = setup()
    const sink = new Sink()
    body.sendTo(sink)
    source.feed('a')
    source.feed('b')
    source.finish()
    expect([textOf(sink.chunks), sink.events, body.taken, body.received, body.replayable]).toEqual(['ab', ['end'], 2, true, false])
    expect(told).toEqual(['for client', 'arrived 1', 'arrived 1', 'sent'])
  })

  test('stops its source while the attempt wants no more', () => {
    const { source, body, told } = setup()
    const sink = new Sink()
    sink.takesMore = false
    body.sendTo(sink)
    source.feed('a')
    expect([source.events, told.at(-1)]).toEqual([['open', 'pause'], 'for endpoint'])
    body.resume()
    expect([source.events, told.at(-1)]).toEqual([['open', 'pause', 'resume'], 'for client'])
  })

  test('of exactly the limit passes, and one byte more fails once', () => {
    const { source, body, told } = setup({ maxBytes: 3 })
    const sink = new Sink()
    body.sendTo(sink)
    source.feed('abc')
    expect(sink.events).toEqual([])
    source.feed('d')
    source.feed('e')
    source.finish()
    expect([textOf(sink.chunks), sink.events, told.filter((code) => code.startsWith('MESH'))]).toEqual(['abc', ['MESH_BODY_TOO_LARGE'], ['MESH_BODY_TOO_LARGE']])
  })

  test('loses its declared length where a filter may change it, and only there', () => {
    expect(setup({ declaredBytes: 5 }).body.declaredBytes).toBe(5)
    expect(setup({ declaredBytes: 5, filters: [{ name: 'f', onRequestBody: () => {} }] }).body.declaredBytes).toBeUndefined()
  })

  test('that has failed aborts every attempt it is given to', () => {
    const { source, body } = setup()
    const [first, second] = [new Sink(), new Sink()]
    body.sendTo(first)
    source.receiver?.fail(new MeshError('MESH_CLIENT_CLOSED'))
    body.sendTo(second)
    expect([first.events, second.events, body.replayable]).toEqual([['MESH_CLIENT_CLOSED'], ['MESH_CLIENT_CLOSED'], false])
  })

  test('that has ended cannot fail any more', () => {
    const { source, body, told } = setup()
    body.sendTo(new Sink())
    source.finish()
    source.receiver?.fail(new MeshError('MESH_CLIENT_CLOSED'))
    expect(told).toEqual(['for client', 'sent'])
  })
})

describe('a request body that is kept', () => {
  test('is sent again from its beginning, what has come already and what comes then', () => {
    const { source, body } = setup({ keepBytes: 10 })
    const [first, second, third] = [new Sink(), new Sink(), new Sink()]
    body.sendTo(first)
    source.feed('ab')
    body.detach()
    body.sendTo(second)
    source.feed('cd')
    source.finish()
    body.detach()
    body.sendTo(third)
    expect([first, second, third].map((sink) => textOf(sink.chunks))).toEqual(['ab', 'abcd', 'abcd'])
    expect(third.events).toEqual(['end'])
  })

  test('is as the filters made it, and they are not asked again', () => {
    let asked = 0
    const { source, body } = setup({ keepBytes: 10, filters: [{ name: 'f', onRequestBody: (_exchange, chunk) => (asked++, bytes(textOf([chunk]).toUpperCase())) }] })
    body.sendTo(new Sink())
    source.feed('ab')
    body.detach()
    const again = new Sink()
    body.sendTo(again)
    expect([textOf(again.chunks), asked]).toEqual(['AB', 1])
  })

  test('is not read while no attempt wants it', () => {
    const { source, body } = setup({ keepBytes: 10 })
    body.sendTo(new Sink())
    source.feed('a')
    body.detach()
    expect(source.events).toEqual(['open', 'pause'])
  })

  test('is let go when it gets too long, and then never sent without its beginning', () => {
    const { source, body, told } = setup({ keepBytes: 3 })
    body.sendTo(new Sink())
    source.feed('abc')
    expect(body.replayable).toBe(true)
    source.feed('d')
    expect(body.replayable).toBe(false)
    body.detach()
    const again = new Sink()
    body.sendTo(again)
    expect([again.chunks, told.at(-1)]).toEqual([[], 'MESH_UPSTREAM_CLOSED'])
  })

  test('of which nothing was taken yet can be sent again without being kept', () => {
    const { source, body } = setup()
    body.sendTo(new Sink())
    body.detach()
    expect(body.replayable).toBe(true)
    const again = new Sink()
    body.sendTo(again)
    source.feed('a')
    expect(textOf(again.chunks)).toBe('a')
  })
})

describe('a request body that is read ahead', () => {
  test('is there whole before an attempt is, and goes its way as if it had not been read', async () => {
    const { source, body, told } = setup({ filters: [{ name: 'upper', onRequestBody: (_exchange, chunk) => bytes(textOf([chunk]).toUpperCase()) }] })
    const whole = body.read(10)
    source.feed('ab')
    source.feed('c')
    source.finish()
    expect([textOf([await whole]), told, body.replayable]).toEqual(['abc', [], true])
    const sink = new Sink()
    body.sendTo(sink)
    expect([textOf(sink.chunks), sink.events, told]).toEqual(['ABC', ['end'], ['arrived 2', 'arrived 1', 'sent']])
  })

  test('waits for an attempt that wants no more, and is sent again if it is kept', async () => {
    const { source, body } = setup({ keepBytes: 10 })
    void body.read(10)
    source.feed('ab')
    source.feed('c')
    source.finish()
    const slow = new Sink()
    slow.takesMore = false
    body.sendTo(slow)
    expect([textOf(slow.chunks), slow.events]).toEqual(['ab', []])
    body.detach()
    const second = new Sink()
    body.sendTo(second)
    expect([textOf(second.chunks), second.events]).toEqual(['abc', ['end']])
  })

  test('goes on as it comes when somebody sends it before it is whole', () => {
    const { source, body } = setup()
    void body.read(10)
    source.feed('a')
    const sink = new Sink()
    body.sendTo(sink)
    source.feed('b')
    source.finish()
    expect([textOf(sink.chunks), sink.events]).toEqual(['ab', ['end']])
  })

  test('fails with MESH_REQUEST_BUFFER_FULL when it is longer than asked for', async () => {
    const { source, body } = setup()
    const whole = body.read(2)
    source.feed('abc')
    await expect(whole).rejects.toMatchObject({ code: 'MESH_REQUEST_BUFFER_FULL' })
    expect(source.events).toEqual(['open', 'pause'])
  })

  test('is not waited for when the client leaves, or when the exchange is over', async () => {
    const gone = setup()
    const first = gone.body.read(10)
    gone.source.receiver?.fail(new MeshError('MESH_CLIENT_CLOSED'))
    const second = setup().body
    const third = second.read(10)
    second.discard(() => {})
    expect((await Promise.allSettled([first, third])).map((result) => result.status)).toEqual(['rejected', 'rejected'])
  })

  test('may be asked for twice', async () => {
    const { source, body } = setup()
    const both = [body.read(10), body.read(5)]
    source.feed('abc')
    source.finish()
    expect((await Promise.all(both)).map((whole) => textOf([whole]))).toEqual(['abc', 'abc'])
  })
})

describe('a filter of the request body', () => {
  test('answers instead of letting it go on', () => {
    const { source, body, told } = setup({ filters: [{ name: 'guard', onRequestBody: () => reply(403) }] })
    const sink = new Sink()
    body.sendTo(sink)
    source.feed('a')
    source.feed('b')
    source.finish()
    expect([told.filter((what) => what !== 'arrived 1'), sink.chunks, sink.events, body.replayable]).toEqual([['for client', 'answered 403'], [], [], false])
  })

  test('sees the trailers with the end of the body, and may change them', () => {
    const seen: unknown[] = []
    const filter: Filter = {
      name: 'summer',
      onRequestBody(one, _chunk, last) {
        seen.push([last, one.request.trailers?.get('x-sum')])
        if (last) one.request.trailers?.set('x-sum', '8')
      },
    }
    const { source, body } = setup({ filters: [filter] })
    const sink = new Sink()
    body.sendTo(sink)
    source.feed('a')
    source.receiver?.finish(new Headers(['x-sum', '7']))
    expect([seen, sink.trailers?.get('x-sum')]).toEqual([[[false, undefined], [true, '7']], '8'])
  })
})

describe('a request body that nobody wants', () => {
  test('is read to its end, so that the connection can be used again', () => {
    const { source, body } = setup()
    let cut = 0
    body.discard(() => cut++)
    source.feed('a'.repeat(262_144))
    source.finish()
    expect([source.events, cut, body.received]).toEqual([['open'], 0, true])
  })

  test('is cut when it is long', () => {
    const { source, body } = setup()
    let cut = 0
    body.discard(() => cut++)
    source.feed('a'.repeat(262_144))
    expect(cut).toBe(0)
    source.feed('a')
    expect(cut).toBe(1)
  })

  test('is shown to no filter and to no attempt', () => {
    let asked = 0
    const { source, body, told } = setup({ filters: [{ name: 'f', onRequestBody: () => void asked++ }] })
    const sink = new Sink()
    body.sendTo(sink)
    body.discard(() => {})
    source.feed('a')
    source.finish()
    expect([asked, sink.chunks, told]).toEqual([0, [], ['for client']])
  })
})
