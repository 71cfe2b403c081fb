// Data that guests share: the rules of the ABI, many random changes against a plain model, several threads, threads that are ended.
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Status } from '../host/status.ts'
import { TableData } from './data.ts'
import { seeded, thread, until } from './threads.test.kit.ts'

function data(bytes = 1_048_576, memory: SharedArrayBuffer = new SharedArrayBuffer(bytes)): TableData {
  return new TableData(memory, () => {})
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1')

describe('data', () => {
  test('that nobody has set is not there, and what was set is what is read', () => {
    const store = data()
    expect(store.get('a')).toBeUndefined()
    expect(store.set('a', text('one'), 0)).toBe(Status.ok)
    expect(store.get('a')?.value).toEqual(text('one'))
    expect(store.get('')).toBeUndefined()
    expect(store.get('ab')).toBeUndefined()
  })

  test('has a version that is never 0, grows with every change of whichever key, and is asked for by who wants to be sure', () => {
    const store = data()
    store.set('a', text('1'), 0)
    store.set('b', text('1'), 0)
    const [a, b] = [store.get('a')?.cas ?? 0, store.get('b')?.cas ?? 0]
    expect(a).toBeGreaterThan(0)
    expect(b).toBeGreaterThan(a)
    expect(store.set('a', text('2'), b)).toBe(Status.casMismatch)
    expect(store.get('a')?.value).toEqual(text('1'))
    expect(store.set('a', text('2'), a)).toBe(Status.ok)
    expect(store.set('a', text('3'), a)).toBe(Status.casMismatch)
    expect(store.get('a')?.cas).toBeGreaterThan(b)
    expect(store.set('a', text('4'), 0)).toBe(Status.ok)
  })

  test('that is not there is made, whatever version is asked for', () => {
    const store = data()
    expect(store.set('a', text('1'), 77)).toBe(Status.ok)
    expect(store.get('a')?.value).toEqual(text('1'))
  })

  test('may be empty, and so may its key', () => {
    const store = data()
    expect(store.set('', text(''), 0)).toBe(Status.ok)
    expect(store.get('')).toMatchObject({ value: Buffer.alloc(0) })
    store.set('', text('x'), 0)
    expect(store.get('')?.value).toEqual(text('x'))
  })

  test('is the same for all who share the memory, and survives them', () => {
    const memory = new SharedArrayBuffer(65_536)
    data(0, memory).set('a', text('1'), 0)
    const again = data(0, memory)
    expect(again.get('a')?.value).toEqual(text('1'))
    expect(again.set('a', text('2'), (again.get('a')?.cas ?? 0) + 1)).toBe(Status.casMismatch)
  })

  test('of any bytes and any length goes in and out as it was', () => {
    const store = data()
    const random = seeded(3)
    for (const length of [0, 1, 4, 47, 48, 51, 52, 53, 59, 60, 61, 107, 108, 109, 1_000, 65_536]) {
      const key = Buffer.from(Array.from({ length: length % 131 }, () => random() * 256)).toString('latin1')
      const value = Buffer.from(Array.from({ length }, () => random() * 256))
      expect(store.set(key, value, 0)).toBe(Status.ok)
      expect(store.get(key)?.value).toEqual(value)
    }
  })

  test('for which there is no room is refused, and what was there stays', () => {
    let full = 0
    const store = new TableData(new SharedArrayBuffer(65_536), () => full++)
    store.set('a', text('1'), 0)
    expect(store.set('b', Buffer.alloc(60_000), 0)).toBe(Status.internalFailure)
    expect(store.set('a', Buffer.alloc(60_000), 0)).toBe(Status.internalFailure)
    expect(store.set('a', Buffer.alloc(10_000_000), 0)).toBe(Status.internalFailure)
    expect([full, store.get('a')?.value, store.get('b')]).toEqual([3, text('1'), undefined])
    expect(store.set('b', Buffer.alloc(40_000), 0)).toBe(Status.ok)
    // The old value is there until the new one is.
    expect(store.set('b', Buffer.alloc(40_000), 0)).toBe(Status.internalFailure)
    expect(store.set('b', text('short'), 0)).toBe(Status.ok)
    expect(store.set('b', Buffer.alloc(40_000), 0)).toBe(Status.ok)
  })

  test('can have so many short values that the table is nearly full, and then long ones in their place', () => {
    const store = data(131_072)
    let keys = 0
    while (store.set(`key ${keys}`, text('v'), 0) === Status.ok) keys++
    expect(keys).toBeGreaterThan(1_500)
    for (let i = 0; i < keys; i++) expect(store.get(`key ${i}`)?.value).toEqual(text('v'))
    expect(store.get('another')).toBeUndefined()
  })
})

describe.each([1, 2, 3, 4])('twenty thousand random changes (seed %i)', (seed) => {
  test('leave what a plain map would have, and no memory is lost', () => {
    const random = seeded(seed)
    const store = data()
    const model = new Map<string, { value: Buffer; cas: number }>()
    let last = 0
    for (let i = 0; i < 20_000; i++) {
      const key = `key-${Math.floor(random() ** 2 * 200)}`.repeat(1 + Math.floor(random() * 1.1))
      const known = model.get(key)
      if (random() < 0.5) {
        expect(store.get(key)).toEqual(known)
        continue
      }
      const value = Buffer.alloc(Math.floor(random() ** 14 * 20_000), i & 255)
      const asked = random() < 0.5 ? 0 : random() < 0.7 ? (known?.cas ?? 5) : last
      const status = store.set(key, value, asked)
      if (known !== undefined && asked !== 0 && asked !== known.cas) {
        expect(status).toBe(Status.casMismatch)
      } else {
        expect(status).toBe(Status.ok)
        const cas = store.get(key)?.cas ?? 0
        expect(cas).toBeGreaterThan(last)
        last = cas
        model.set(key, { value, cas })
      }
    }
    for (const [key, entry] of model) expect(store.get(key)).toEqual(entry)
    // All of it is there again once every value is short.
    for (const key of model.keys()) expect(store.set(key, text('x'), 0)).toBe(Status.ok)
    expect(store.set('the rest', Buffer.alloc(800_000), 0)).toBe(Status.ok)
  })
})

/** Adds 1 to counters by compare-and-swap; every value is also as long as its number says, all of one byte. */
const counting = `
  const { TableData } = await from('./data.ts')
  const store = new TableData(data.memory, () => {})
  const valueOf = (n) => { const b = Buffer.alloc(8 + (n * 37) % data.most, n & 255); b.writeUInt32LE(n); return b }
  const check = (value) => { const n = value.readUInt32LE(); if (!value.equals(valueOf(n))) throw new Error('a torn value of ' + n); return n }
  let added = 0
  for (let i = data.first; added < data.changes; i++) {
    const key = 'counter ' + (i % data.keys)
    const known = store.get(key)
    const status = store.set(key, valueOf(known === undefined ? 1 : check(known.value) + 1), known === undefined ? 0xffffffff : known.cas)
    if (status === 10) throw new Error('full')
    if (status === 0) { added++; Atomics.add(data.done, 0, 1) }
  }
  parentPort?.postMessage(added)`

test('three threads that count with compare-and-swap lose nothing, and nobody reads half a value', async () => {
  const memory = new SharedArrayBuffer(1_048_576)
  const done = new Int32Array(new SharedArrayBuffer(4))
  // The first value of a key is made whatever the version: it must be there before they race.
  const store = data(0, memory)
  for (let key = 0; key < 7; key++) store.set(`counter ${key}`, Buffer.from([0, 0, 0, 0, 0, 0, 0, 0]), 0)
  const workers = [0, 1, 2].map((first) => thread(counting, { memory, done, first, keys: 7, changes: 15_000, most: 700 }))
  await Promise.all(workers.map((worker) => once(worker, 'exit')))
  let sum = 0
  for (let key = 0; key < 7; key++) sum += store.get(`counter ${key}`)?.value.readUInt32LE() ?? 0
  expect([Atomics.load(done, 0), sum]).toEqual([45_000, 45_000])
}, 60_000)

test('threads that are ended in the middle of a change leave data that others can use', async () => {
  const memory = new SharedArrayBuffer(1_048_576)
  const done = new Int32Array(new SharedArrayBuffer(4))
  const given = { memory, done, keys: 5, changes: Infinity, most: 3_000 }
  const lasting = thread(counting, { ...given, first: 1 })
  const failed = once(lasting, 'error')
  for (let round = 0; round < 15; round++) {
    const worker = thread(counting, { ...given, first: round })
    const from = Atomics.load(done, 0)
    await until(() => Atomics.load(done, 0) - from > 300 * (round + 1))
    await worker.terminate()
  }
  const from = Atomics.load(done, 0)
  await until(() => Atomics.load(done, 0) - from > 2_000)
  expect(await Promise.race([failed, Promise.resolve('still well')])).toBe('still well')
  await lasting.terminate()
  const store = data(0, memory)
  for (let key = 0; key < 5; key++) {
    const value = store.get(`counter ${key}`)?.value ?? Buffer.alloc(4)
    expect(value.readUInt32LE()).toBeGreaterThan(0)
    expect(store.set(`counter ${key}`, text('x'), 0)).toBe(Status.ok)
  }
  // What the ended ones held is lost: less than a value each.
  expect(store.set('the rest', Buffer.alloc(700_000), 0)).toBe(Status.ok)
}, 60_000)
