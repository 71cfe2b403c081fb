// Queues that guests share: the rules of the ABI, order and number against a plain model, who is told, several threads.
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Status } from '../host/status.ts'
import { queueBytes, TableQueues } from './queues.ts'
import { Ring } from './ring.ts'
import { seeded, thread, until } from './threads.test.kit.ts'

function queues(memory: SharedArrayBuffer = new SharedArrayBuffer(queueBytes), full: () => void = () => {}): TableQueues {
  const made = new TableQueues(memory, full)
  onTestFinished(() => made.close())
  return made
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1')
const nobody = (): void => {}

describe('a queue', () => {
  test('is made by who registers it first, and found by its VM id and name', () => {
    const made = queues()
    expect(made.resolve('vm', 'work')).toBeUndefined()
    const id = made.register('vm', 'work', nobody)
    expect(id).toBeGreaterThan(0)
    expect(made.resolve('vm', 'work')).toBe(id)
    expect(made.register('vm', 'work', () => {})).toBe(id)
    expect(made.register('other', 'work', nobody)).not.toBe(id)
    expect(made.resolve('vmw', 'ork')).toBeUndefined()
  })

  test('gives messages out in order, empty ones too, and says when there is none, or no such queue', () => {
    const made = queues()
    const id = made.register('', 'work', nobody) as number
    expect(made.dequeue(id)).toBe(Status.empty)
    for (const message of ['one', '', 'x'.repeat(10_000)]) expect(made.enqueue(id, text(message))).toBe(Status.ok)
    expect([made.dequeue(id), made.dequeue(id), made.dequeue(id), made.dequeue(id)]).toEqual([text('one'), text(''), text('x'.repeat(10_000)), Status.empty])
    const unknown = id === 1 ? 2 : 1
    expect([made.enqueue(unknown, text('x')), made.dequeue(unknown), made.enqueue(0, text('')), made.dequeue(0), made.dequeue(0xffff_ffff)]).toEqual([1, 1, 1, 1, 1])
  })

  test('holds 4096 messages, and refuses more', () => {
    let full = 0
    const made = queues(undefined, () => full++)
    const id = made.register('', 'work', nobody) as number
    for (let i = 0; i < 4_096; i++) expect(made.enqueue(id, text(String(i)))).toBe(Status.ok)
    expect(made.enqueue(id, text('x'))).toBe(Status.internalFailure)
    expect(made.dequeue(id)).toEqual(text('0'))
    expect(made.enqueue(id, text('x'))).toBe(Status.ok)
    expect(made.enqueue(made.register('', 'other', nobody) as number, Buffer.alloc(queueBytes))).toBe(Status.internalFailure)
    expect(full).toBe(2)
  })

  test('is one of 256', () => {
    const made = queues()
    const ids = Array.from({ length: 256 }, (_, i) => made.register('', `queue ${i}`, nobody))
    expect(new Set(ids).size).toBe(256)
    expect(ids).not.toContain(undefined)
    expect(made.register('', 'one too many', nobody)).toBeUndefined()
    expect(made.register('', 'queue 7', nobody)).toBe(ids[7])
  })

  test('tells who has registered it, once for each message, later', async () => {
    const made = queues()
    const told: number[] = []
    const id = made.register('', 'work', (queue) => told.push(queue)) as number
    for (let i = 0; i < 250; i++) made.enqueue(id, text(''))
    expect(told).toEqual([])
    await until(() => told.length >= 250)
    for (let i = 0; i < 20; i++) await setImmediate()
    expect(told).toEqual(Array.from({ length: 250 }, () => id))
  })

  test('tells the last who has registered it of what comes from then on, and those before of the rest', async () => {
    const made = queues()
    const told: string[] = []
    const id = made.register('', 'work', () => told.push('first')) as number
    made.enqueue(id, text('1'))
    made.register('', 'work', () => told.push('second'))
    made.enqueue(id, text('2'))
    made.enqueue(id, text('3'))
    await until(() => told.length >= 3)
    for (let i = 0; i < 20; i++) await setImmediate()
    expect(told.toSorted()).toEqual(['first', 'second', 'second'])
    expect([made.dequeue(id), made.dequeue(id), made.dequeue(id)]).toEqual([text('1'), text('2'), text('3')])
  })

  test('tells who has registered it twice only once', async () => {
    const made = queues()
    let told = 0
    const ready = (): void => void told++
    const id = made.register('', 'work', ready) as number
    made.register('', 'work', ready)
    made.enqueue(id, text('1'))
    await until(() => told > 0)
    for (let i = 0; i < 20; i++) await setImmediate()
    expect(told).toBe(1)
  })

  test('tells nobody who has gone, and keeps what it has for who comes after', async () => {
    const memory = new SharedArrayBuffer(queueBytes)
    const made = queues(memory)
    let told = 0
    const ready = (): void => void told++
    const id = made.register('', 'work', ready) as number
    made.unregister(ready)
    made.enqueue(id, text('1'))
    for (let i = 0; i < 20; i++) await setImmediate()
    expect(told).toBe(0)
    const after = queues(memory)
    expect(after.register('', 'work', nobody)).toBe(id)
    expect(after.dequeue(id)).toEqual(text('1'))
  })

  test('that is left by the last who has registered it tells one of those before, and nothing twice', async () => {
    const memory = new SharedArrayBuffer(queueBytes)
    const told: string[] = []
    const old = queues(memory)
    const id = old.register('', 'work', () => told.push('old')) as number
    const tried = queues(memory)
    const ready = (): void => void told.push('tried')
    tried.register('', 'work', ready)
    tried.enqueue(id, text('1'))
    await until(() => told.length === 1)
    tried.unregister(ready)
    tried.enqueue(id, text('2'))
    await until(() => told.length === 2)
    for (let i = 0; i < 20; i++) await setImmediate()
    expect(told).toEqual(['tried', 'old'])
  })

  test('whose consumer puts a message for each that it takes leaves time for others', async () => {
    const made = queues()
    let told = 0
    const id: number = made.register('', 'work', () => void (told++, made.enqueue(id, text('again')))) as number
    made.enqueue(id, text('first'))
    for (let turns = 0; turns < 50; turns++) await setImmediate()
    expect(told).toBeGreaterThan(1)
  })
})

test('a ring gives out what was put in, in order, around its counts and rounds', () => {
  for (const start of [0, 0xffff_fff0, 0x7fff_fff0]) {
    const memory = new SharedArrayBuffer(16 + 8 * 8)
    const counts = new Int32Array(memory, 0, 2)
    // As if so many had passed.
    const warm = new Int32Array(memory, 16)
    const round = ((start >>> 3) * 2) | 0
    for (let slot = 0; slot < 8; slot++) warm[slot * 2 + 1] = slot < (start & 7) ? round + 2 : round
    counts.fill(start | 0)
    const ring = new Ring(memory, 0, 16, 3)
    const random = seeded(9)
    const model: number[] = []
    for (let i = 0; i < 500; i++) {
      if (random() < 0.5) {
        expect(ring.put(i)).toBe(model.length < 8)
        if (model.length < 8) model.push(i)
      } else {
        expect(ring.take()).toBe(model.shift() ?? -1)
      }
    }
  }
})

const producing = `
  const { TableQueues } = await from('./queues.ts')
  const queues = new TableQueues(data.memory, () => {})
  for (let i = 0; i < data.messages;) {
    const message = Buffer.alloc(8 + (i * 13) % 300, i & 255)
    message.writeUInt32LE(data.who)
    message.writeUInt32LE(i, 4)
    if (queues.enqueue(data.id, message) === 0) i++
  }`

test('three threads put, two take: every message comes once and whole, those of one thread in order', async () => {
  const memory = new SharedArrayBuffer(queueBytes)
  const made = queues(memory)
  const id = made.register('', 'work', nobody) as number
  const messages = 4_000
  const consuming = `
    const { TableQueues } = await from('./queues.ts')
    const queues = new TableQueues(data.memory, () => {})
    const taken = []
    while (Atomics.load(data.left, 0) > 0) {
      const message = queues.dequeue(data.id)
      if (typeof message === 'number') continue
      Atomics.sub(data.left, 0, 1)
      const i = message.readUInt32LE(4)
      if (message.length !== 8 + (i * 13) % 300 || !message.subarray(8).every((byte) => byte === (i & 255))) throw new Error('a torn message')
      taken.push(message.readUInt32LE(), i)
    }
    parentPort.postMessage(taken)`
  const left = new Int32Array(new SharedArrayBuffer(4)).fill(3 * messages)
  const consumers = [0, 1].map(() => thread(consuming, { memory, id, left }))
  const took = Promise.all(consumers.map((worker) => once(worker, 'message') as Promise<[number[]]>))
  const producers = [0, 1, 2].map((who) => thread(producing, { memory, id, who, messages }))
  await Promise.all(producers.map((worker) => once(worker, 'exit')))
  const all: string[] = []
  for (const [taken] of await took) {
    const last = [-1, -1, -1]
    for (let at = 0; at < taken.length; at += 2) {
      const [who, i] = [taken[at] as number, taken[at + 1] as number]
      expect(i).toBeGreaterThan(last[who] as number)
      last[who] = i
      all.push(`${who} ${i}`)
    }
  }
  expect([all.length, new Set(all).size]).toEqual([3 * messages, 3 * messages])
}, 60_000)

test('a message that one thread puts is told to another', async () => {
  const memory = new SharedArrayBuffer(queueBytes)
  const consumer = thread(
    `const { TableQueues } = await from('./queues.ts')
     const queues = new TableQueues(data.memory, () => {})
     const alive = setInterval(() => {}, 1000)
     const id = queues.register('vm', 'work', (queue) => {
       const message = queues.dequeue(queue)
       parentPort.postMessage(message.toString())
       if (message.toString() === 'last') { queues.close(); clearInterval(alive) }
     })
     parentPort.postMessage('registered')`,
    { memory },
  )
  const heard: string[] = []
  consumer.on('message', (message: string) => heard.push(message))
  await until(() => heard.length === 1)
  const made = queues(memory)
  const id = made.resolve('vm', 'work') as number
  made.enqueue(id, text('first'))
  await until(() => heard.length === 2)
  made.enqueue(id, text('second'))
  made.enqueue(id, text('last'))
  await once(consumer, 'exit')
  expect(heard).toEqual(['registered', 'first', 'second', 'last'])
}, 120_000)

test('threads that are ended while they put and take leave queues that others can use', async () => {
  const memory = new SharedArrayBuffer(queueBytes)
  const made = queues(memory)
  const id = made.register('', 'work', nobody) as number
  const turns = new Int32Array(new SharedArrayBuffer(4))
  const code = `
    const { TableQueues } = await from('./queues.ts')
    const queues = new TableQueues(data.memory, () => {})
    const id = queues.register('', 'work', () => queues.dequeue(id))
    for (let i = 0; ; i++) {
      queues.enqueue(id, Buffer.alloc(i % 500))
      if (i % 3 > 0) queues.dequeue(id)
      Atomics.add(data.turns, 0, 1)
    }`
  for (let round = 0; round < 12; round++) {
    const worker = thread(code, { memory, turns })
    const from = Atomics.load(turns, 0)
    await until(() => Atomics.load(turns, 0) - from > 300 * (round + 1))
    await worker.terminate()
  }
  while (typeof made.dequeue(id) !== 'number');
  let told = 0
  made.register('', 'work', () => void told++)
  for (let i = 0; i < 4_096; i++) expect(made.enqueue(id, text(`message ${i}`))).toBe(Status.ok)
  for (let i = 0; i < 4_096; i++) expect(made.dequeue(id)).toEqual(text(`message ${i}`))
  await until(() => told >= 4_096)
}, 60_000)
