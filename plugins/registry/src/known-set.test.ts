// Whom a mesh believes in when registries come, go and forget.
import { describe, expect, test } from 'vitest'
import { toInstance } from './instance.ts'
import { KnownSet } from './known-set.ts'
import type { View } from './service-registry.ts'

function view(registry: string, hosts: string, more: Partial<View> = {}): View {
  const instances = hosts.split(' ').filter(Boolean).map((host) => toInstance({ service: 'catalog', address: `${host}:80` }))
  return { registry, service: 'catalog', revision: 1, settled: true, instances, ...more }
}

const unsettled = { settled: false }
const taken = (set: KnownSet, next: View): string | undefined => set.take(next)?.map(({ host }) => host).sort().join(' ')

describe('a settled registry', () => {
  test('is believed, also when the last instance has left', () => {
    const set = new KnownSet()
    expect(taken(set, view('one', 'a b'))).toBe('a b')
    expect(taken(set, view('one', ''))).toBe('')
  })

  test('is believed when it is another one than before', () => {
    const set = new KnownSet()
    taken(set, view('one', 'a b'))
    expect(taken(set, view('two', 'b'))).toBe('b')
  })
})

describe('a registry that began with nothing', () => {
  test('that has never heard of the service says nothing', () => {
    expect(taken(new KnownSet(), view('one', '', { ...unsettled, revision: 0 }))).toBeUndefined()
  })

  test('takes nobody away whom it does not know yet, until it is settled', () => {
    const set = new KnownSet()
    taken(set, view('one', 'a b'))
    expect(taken(set, view('two', '', { ...unsettled, revision: 0 }))).toBe('a b')
    expect(taken(set, view('two', 'b c', unsettled))).toBe('a b c')
    expect(taken(set, view('two', 'b c'))).toBe('b c')
  })

  test('takes away whom it knew and whom it has lost', () => {
    const set = new KnownSet()
    taken(set, view('one', 'a b'))
    taken(set, view('two', 'b', unsettled))
    expect(taken(set, view('two', '', unsettled))).toBe('a')
    expect(taken(set, view('two', 'a', unsettled))).toBe('a')
    expect(taken(set, view('two', '', unsettled))).toBe('')
  })

  test('knows whom it knows at an address, whatever the name', () => {
    const set = new KnownSet()
    taken(set, view('one', 'a'))
    const renamed = { ...view('two', 'a', unsettled), instances: [toInstance({ service: 'catalog', id: 'new', address: 'a:80' })] }
    expect(set.take(renamed)?.map(({ id }) => id)).toEqual(['new'])
  })

  test('that restarts before it was settled takes nobody away either', () => {
    const set = new KnownSet()
    taken(set, view('one', 'a'))
    taken(set, view('two', 'b', unsettled))
    expect(taken(set, view('three', '', { ...unsettled, revision: 0 }))).toBe('a b')
  })
})
