// Header fields: order and case stay, look-ups do not care.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Headers } from './headers.ts'

const list = (): Headers => new Headers(['Host', 'a', 'Set-Cookie', 'x=1', 'accept', '*/*', 'set-cookie', 'y=2', 'SET-COOKIE', 'z=3'])

describe('headers', () => {
  test('are looked up without regard to case', () => {
    expect([list().get('HOST'), list().get('Accept'), list().has('set-COOKIE'), list().get('absent'), list().has('absent')]).toEqual(['a', '*/*', true, undefined, false])
  })

  test('that repeat stay apart, in wire order', () => {
    expect(list().get('set-cookie')).toBe('x=1')
    expect(list().getAll('Set-Cookie')).toEqual(['x=1', 'y=2', 'z=3'])
    expect(list().size).toBe(5)
  })

  test('keep the case they arrived with', () => {
    expect([...list()].map(([name]) => name)).toEqual(['Host', 'Set-Cookie', 'accept', 'set-cookie', 'SET-COOKIE'])
  })

  test('that are set replace every field of the name, at the place of the first', () => {
    const headers = list()
    headers.set('set-cookie', 'new')
    expect(headers.toList()).toEqual(['Host', 'a', 'Set-Cookie', 'new', 'accept', '*/*'])
    headers.set('x-new', '1')
    expect(headers.toList().slice(-2)).toEqual(['x-new', '1'])
  })

  test('that are deleted are all gone, and it is told whether there were any', () => {
    const headers = list()
    expect([headers.delete('Set-cookie'), headers.delete('set-cookie')]).toEqual([true, false])
    expect(headers.toList()).toEqual(['Host', 'a', 'accept', '*/*'])
  })

  test('of one name go, wherever they stand, and the others stay in their order', () => {
    for (let mask = 0; mask < 64; mask++) {
      const fields = Array.from({ length: 6 }, (_, i): [string, string] => [(mask >> i) & 1 ? ['X-Gone', 'x-gone'][i % 2] as string : 'x-stay', String(i)])
      const stay = fields.filter(([name]) => name === 'x-stay')
      const deleted = new Headers(fields.flat())
      expect([deleted.delete('x-gone'), [...deleted]]).toEqual([mask !== 0, stay])
      const first = fields.findIndex(([name]) => name !== 'x-stay')
      const one = new Headers(fields.flat())
      one.set('x-gone', 'new')
      expect([...one]).toEqual(first < 0 ? [...stay, ['x-gone', 'new']] : fields.flatMap(([name, value], i) => (i === first ? [[name, 'new']] : name === 'x-stay' ? [[name, value]] : [])))
    }
  })

  test('that are cleared are all gone', () => {
    const headers = new Headers(['a', '1', 'A', '2', 'b', '3'])
    headers.clear()
    headers.append('c', '4')
    expect([...headers]).toEqual([['c', '4']])
  })

  test('of a clone are its own', () => {
    const headers = list()
    const clone = headers.clone()
    clone.set('host', 'b')
    expect([headers.get('host'), clone.get('host')]).toEqual(['a', 'b'])
  })

  test('are made of an object or of pairs; a list of values becomes one field each', () => {
    expect(Headers.from({ a: '1', b: ['2', '3'], c: [] }).toList()).toEqual(['a', '1', 'b', '2', 'b', '3'])
    expect(Headers.from([['a', '1'], ['A', '2']]).toList()).toEqual(['a', '1', 'A', '2'])
    expect(Headers.from(list()).toList()).toEqual(list().toList())
  })

  test('with names like those of object properties are names like any other', () => {
    const headers = new Headers(['__proto__', '1', 'constructor', '2'])
    expect([headers.get('__PROTO__'), headers.get('Constructor'), headers.has('toString')]).toEqual(['1', '2', false])
  })
})

test('headers behave like a list of pairs that is searched from the front', () => {
  const name = fc.constantFrom('a', 'A', 'b', 'B', 'Ab', 'aB', 'x-long-name')
  const change = fc.tuple(fc.constantFrom('set' as const, 'append' as const, 'delete' as const), name, fc.string({ maxLength: 3 }))
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const headers = new Headers()
      let model: [string, string][] = []
      for (const [kind, key, value] of changes) {
        const same = ([other]: [string, string]): boolean => other.toLowerCase() === key.toLowerCase()
        if (kind === 'append') model.push([key, value])
        else if (kind === 'delete') model = model.filter((pair) => !same(pair))
        else {
          const first = model.findIndex(same)
          if (first < 0) model.push([key, value])
          else model = model.map((pair, at): [string, string] => (at === first ? [pair[0], value] : pair)).filter((pair, at) => at === first || !same(pair))
        }
        if (kind === 'delete') headers.delete(key)
        else headers[kind](key, value)
      }
      expect([...headers]).toEqual(model)
      expect(headers.size).toBe(model.length)
    }),
    { seed: 1, numRuns: 300 },
  )
})
