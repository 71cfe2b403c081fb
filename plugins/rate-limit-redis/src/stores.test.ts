// Connections that limiters share: opened once, closed after the last, and no more than there may be.
import { expect, test } from 'vitest'
import type { RedisStore } from './redis-store.ts'
import { Stores } from './stores.ts'

function setup(): { stores: Stores; open: Set<string> } {
  const open = new Set<string>()
  const stores = new Stores((url, prefix) => {
    const place = `${url} ${prefix}`
    open.add(place)
    return { close: async () => void open.delete(place) } as RedisStore
  })
  return { stores, open }
}

test('a place is connected to once, until the last who took it has released it', () => {
  const { stores, open } = setup()
  expect(stores.take('a', 'p')).toBe(stores.take('a', 'p'))
  expect(stores.take('a', 'other')).not.toBe(stores.take('b', 'p'))
  expect([...open]).toEqual(['a p', 'a other', 'b p'])
  stores.release('a', 'p')
  expect(open.has('a p')).toBe(true)
  stores.release('a', 'p')
  expect([...open]).toEqual(['a other', 'b p'])
})

test('all are closed at the end, and who releases one later does no harm', async () => {
  const { stores, open } = setup()
  stores.take('a', 'p')
  stores.take('b', 'p')
  await stores.close()
  stores.release('a', 'p')
  expect([...open]).toEqual([])
})

test('there are 16 at most, and room again when one has gone', () => {
  const { stores } = setup()
  for (let i = 0; i < 16; i++) stores.take(`u${i}`, 'p')
  expect(() => stores.take('one more', 'p')).toThrow(/16 different/)
  expect(stores.take('u3', 'p')).toBeDefined()
  stores.release('u5', 'p')
  expect(stores.take('one more', 'p')).toBeDefined()
})
