// The longest prefix that covers a path is found, and the shorter ones after it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PrefixIndex } from './prefix-index.ts'

function found(prefixes: readonly string[], path: string): string[] {
  const list: string[] = []
  for (let node = new PrefixIndex(new Map(prefixes.map((prefix) => [prefix, prefix]))).find(path); node !== undefined; node = node.parent) list.push(node.value)
  return list
}

describe('a prefix index', () => {
  it('answers the covering prefixes, the longest first', () => {
    expect(found(['/a/b/c', '', '/a', '/a/b', '/ab', '/a/c'], '/a/b/x/y')).toEqual(['/a/b', '/a', ''])
  })

  it('tells prefixes of equal hash apart', () => {
    const twins = ['/Aa', '/BB', '/AaAa', '/BBBB', '/AaBB', '/BBAa']
    for (const twin of twins) expect(found(twins, `${twin}/x`)).toEqual([twin])
    expect(found(twins.slice(1), '/Aa/x')).toEqual([])
  })

  it('that is empty answers nothing', () => {
    expect(found([], '/a')).toEqual([])
  })

  it('agrees with comparing element by element', () => {
    const path = fc.array(fc.constantFrom('', 'a', 'b', 'Aa', 'BB'), { maxLength: 5 }).map((elements) => elements.map((element) => `/${element}`).join(''))
    fc.assert(
      fc.property(fc.uniqueArray(path.filter((prefix) => !prefix.endsWith('/')), { maxLength: 12 }), path, (prefixes, asked) => {
        const covering = prefixes.filter((prefix) => asked === prefix || asked.startsWith(`${prefix}/`) || prefix === '')
        expect(found(prefixes, asked)).toEqual(covering.toSorted((a, b) => b.length - a.length))
      }),
      { numRuns: 2000 },
    )
  })
})
