// Bodies go through filters in order, with backpressure, and neither lose nor repeat a byte.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BodyPipe } from './body-pipe.ts'
import { Chain } from './chain.ts'
import type { MeshError } from './errors.ts'
import type { Filter } from './questions.ts'
import { reply } from './reply.ts'
import { bytes, exchange, textOf, turn } from './unit.test.kit.ts'

type BodyFilter = NonNullable<Filter['onRequestBody']>

/** A pipe through some filters, and what came out of it. */
function pipe(...filters: Partial<Filter>[]): { pipe: BodyPipe; out: Uint8Array[]; events: string[]; errors: MeshError[]; room: { isThere: boolean } } {
  const out: Uint8Array[] = []
  const room = { isThere: true }
  const events: string[] = []
  const errors: MeshError[] = []
  const steps = new Chain(filters.map((parts, i) => ({ name: `f${i}`, ...parts }))).requestBody ?? []
  const made = new BodyPipe(
    steps,
    exchange(),
    {
      write: (chunk) => void out.push(chunk),
      end: () => void events.push('end'),
      answer: (reply) => void events.push(`answer ${reply.status}`),
      fail: (error) => void errors.push(error),
      hold: () => void events.push('hold'),
      release: () => void events.push('release'),
      takesMore: () => room.isThere,
    },
    'MESH_REQUEST_BUFFER_FULL',
  )
  return { pipe: made, out, events, errors, room }
}

const upper: BodyFilter = (_exchange, chunk) => bytes(textOf([chunk]).toUpperCase())

describe('a body', () => {
  test('goes through every filter in order', () => {
    const one = pipe({ onRequestBody: upper }, { onRequestBody: (_exchange, chunk) => bytes(`<${textOf([chunk])}>`) })
    one.pipe.push(bytes('a'))
    one.pipe.push(bytes('b'))
    one.pipe.end()
    expect([textOf(one.out), one.events]).toEqual(['<A><B><>', ['end']])
  })

  test('is passed on as it is by a filter that returns nothing', () => {
    const chunk = bytes('same')
    const one = pipe({ onRequestBody: () => {} })
    one.pipe.push(chunk)
    expect(one.out[0]).toBe(chunk)
  })

  test('of which a filter drops a chunk is not shown to the filters behind it, but its end is', () => {
    const seen: [string, boolean][] = []
    const one = pipe({ onRequestBody: (_exchange, _chunk, last) => (last ? undefined : new Uint8Array(0)) }, { onRequestBody: (_exchange, chunk, last) => void seen.push([textOf([chunk]), last]) })
    one.pipe.push(bytes('a'))
    one.pipe.end()
    expect([seen, one.out, one.events]).toEqual([[['', true]], [], ['end']])
  })

  test('is answered by a filter instead of going on; nothing behind it is called', () => {
    const seen: string[] = []
    const one = pipe({ onRequestBody: (_exchange, chunk) => (textOf([chunk]) === 'b' ? reply(403) : undefined) }, { onRequestBody: (_exchange, chunk) => void seen.push(textOf([chunk])) })
    for (const text of ['a', 'b', 'c']) one.pipe.push(bytes(text))
    one.pipe.end()
    expect([seen, textOf(one.out), one.events, one.errors]).toEqual([['a'], 'a', ['answer 403'], []])
  })

  test('is answered later by a filter that thinks about it', async () => {
    const one = pipe({ onRequestBody: () => Promise.resolve(reply(401)) })
    one.pipe.push(bytes('a'))
    one.pipe.end()
    await turn()
    expect(one.events).toEqual(['hold', 'answer 401'])
  })

  test('that is held back comes whole, in one call', () => {
    const seen: [string, boolean][] = []
    const one = pipe({ bufferRequestBytes: 5, onRequestBody: (_exchange, chunk, last) => void seen.push([textOf([chunk]), last]) })
    one.pipe.push(bytes('ab'))
    one.pipe.push(bytes('cde'))
    expect(one.out).toEqual([])
    one.pipe.end()
    expect([seen, textOf(one.out), one.events]).toEqual([[['abcde', true]], 'abcde', ['end']])
  })

  test('that is empty is one call with nothing in it', () => {
    const seen: [number, boolean][] = []
    const one = pipe({ bufferRequestBytes: 5, onRequestBody: (_exchange, chunk, last) => void seen.push([chunk.byteLength, last]) })
    one.pipe.end()
    expect([seen, one.events]).toEqual([[[0, true]], ['end']])
  })

  test('that is longer than may be held back fails at the byte that is too many, and nothing follows', () => {
    const one = pipe({ bufferRequestBytes: 5, onRequestBody: upper })
    one.pipe.push(bytes('12345'))
    expect(one.errors).toEqual([])
    one.pipe.push(bytes('6'))
    one.pipe.push(bytes('7'))
    one.pipe.end()
    expect([one.errors.map((error) => error.code), one.out, one.events]).toEqual([['MESH_REQUEST_BUFFER_FULL'], [], []])
  })

  test.each([
    ['throws', () => { throw new Error('secret') }],
    ['rejects', () => Promise.reject(new Error('secret'))],
    ['returns a text', () => 'text' as never],
    ['returns a text later', async () => 'text' as never],
    ['returns a list', () => [1, 2] as never],
  ])('fails once where a filter %s', async (_name, onRequestBody) => {
    const one = pipe({ onRequestBody })
    one.pipe.push(bytes('a'))
    one.pipe.push(bytes('b'))
    one.pipe.end()
    await turn()
    expect([one.errors.map((error) => [error.code, error.detail?.includes('"f0"')]), one.out, one.events.includes('end')]).toEqual([[['MESH_FILTER_FAILED', true]], [], false])
  })

  test('waits for a filter that answers later; what was under way keeps its order', async () => {
    const answers: (() => void)[] = []
    const one = pipe({ onRequestBody: () => new Promise((resolve) => answers.push(() => resolve(undefined))) })
    for (const text of ['a', 'b', 'c']) one.pipe.push(bytes(text))
    one.pipe.end()
    expect([one.events, answers.length]).toEqual([['hold'], 1])
    for (let i = 0; i < 4; i++) {
      answers[i]?.()
      await turn()
    }
    expect([textOf(one.out), one.events.at(-1), one.errors]).toEqual(['abc', 'end', []])
  })

  test('that was stopped lets nothing more out, not even a late answer', async () => {
    const answer = Promise.withResolvers<Uint8Array>()
    const one = pipe({ onRequestBody: () => answer.promise })
    one.pipe.push(bytes('a'))
    one.pipe.stop()
    answer.resolve(bytes('late'))
    await turn()
    one.pipe.push(bytes('b'))
    one.pipe.end()
    expect([one.out, one.events, one.errors]).toEqual([[], ['hold'], []])
  })
})

test('whatever its chunks and however filters answer, a body comes out whole and ends once', async () => {
  const kinds = { now: upper, later: (async (e, chunk, last) => upper(e, chunk, last)) as BodyFilter }
  const filter = fc.record({ kind: fc.constantFrom('now' as const, 'later' as const), buffer: fc.constantFrom(0, 1000) })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 }), { maxLength: 8 }), fc.array(filter, { minLength: 1, maxLength: 3 }), async (chunks, filters) => {
      const one = pipe(...filters.map(({ kind, buffer }) => ({ onRequestBody: kinds[kind], bufferRequestBytes: buffer })))
      for (const chunk of chunks) one.pipe.push(bytes(chunk))
      one.pipe.end()
      while (!one.events.includes('end')) await turn()
      expect([textOf(one.out), one.events.filter((event) => event === 'end').length]).toEqual([chunks.join('').toUpperCase(), 1])
    }),
    { seed: 1, numRuns: 100 },
  )
})

/** Lets every second of its calls keep what has come, and the others let it go. */
function keeping(later: boolean): BodyFilter {
  const kept: Uint8Array[] = []
  let calls = 0
  return (_exchange, chunk, last) => {
    kept.push(chunk)
    const out = last || calls++ % 2 === 1 ? Buffer.concat(kept.splice(0)) : new Uint8Array(0)
    return later ? Promise.resolve(out) : out
  }
}

test('whatever filters keep and whenever they are woken, a body comes out whole and in its order', async () => {
  const steps = fc.array(fc.oneof(fc.string({ minLength: 1, maxLength: 3 }), fc.constantFrom(0, 1, 2), fc.constantFrom('room', 'no room', 'turn').map((what) => ({ what }))), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(steps, fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }), async (script, filters) => {
      const one = pipe(...filters.map((later) => ({ onRequestBody: keeping(later) })))
      const play = async (step: (typeof script)[number]): Promise<void> => {
        if (typeof step === 'string') one.pipe.push(bytes(step))
        else if (typeof step === 'number') one.pipe.wake(step)
        else if (step.what === 'turn') await turn()
        else one.room.isThere = step.what === 'room'
        if (one.room.isThere) one.pipe.wakeUp()
      }
      for (const step of script) await play(step)
      one.pipe.end()
      while (!one.events.includes('end')) await turn()
      expect([textOf(one.out), one.events.filter((event) => event === 'end').length]).toEqual([script.filter((step) => typeof step === 'string').join(''), 1])
    }),
    { seed: 1, numRuns: 100 },
  )
})
