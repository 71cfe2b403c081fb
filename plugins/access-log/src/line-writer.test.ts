// Lines reach their destination in batches, and a destination that cannot keep up or fails costs lines, never memory.
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { Writable } from 'node:stream'
import { Metrics, type Counter } from '@meshwright/core'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LineWriter, type LineWriterOptions } from './line-writer.ts'

/** Takes lines until it is full; `drain` makes room. */
class Basin extends EventEmitter {
  readonly writes: string[] = []
  full = false

  write(text: string): boolean {
    this.writes.push(text)
    return !this.full
  }

  get lines(): Record<string, unknown>[] {
    return this.writes.join('').split('\n').slice(0, -1).map((line) => JSON.parse(line) as Record<string, unknown>)
  }
}

interface Told {
  readonly level: string
  readonly text: string
}

function writerTo(destination: LineWriterOptions['destination'], options: Partial<LineWriterOptions> = {}): { writer: LineWriter; dropped: Counter; told: Told[] } {
  const told: Told[] = []
  const dropped = new Metrics().counter('dropped_total', '')
  const log = { error: (_: object, text: string) => told.push({ level: 'error', text }), info: (_: object, text: string) => told.push({ level: 'info', text }) }
  return { writer: new LineWriter({ destination, bufferRecords: 1000, flushMs: 100, ...options }, { log, dropped }), dropped, told }
}

function pushAll(writer: LineWriter, count: number, from = 0): void {
  for (let i = 0; i < count; i++) writer.push({ n: from + i })
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

describe('with time held still', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('nothing is written before the time, then everything in one piece and in order', () => {
    const basin = new Basin()
    const { writer } = writerTo(basin)
    pushAll(writer, 3)
    vi.advanceTimersByTime(99)
    expect(basin.writes).toEqual([])
    vi.advanceTimersByTime(1)
    expect(basin.writes).toEqual(['{"n":0}\n{"n":1}\n{"n":2}\n'])
  })

  test('many records are written a batch per turn', () => {
    const basin = new Basin()
    const { writer } = writerTo(basin)
    pushAll(writer, 600)
    vi.advanceTimersByTime(100)
    vi.runAllTimers()
    expect(basin.writes).toHaveLength(3)
    expect(basin.lines.map((line) => line['n'])).toEqual(numbers(0, 600))
  })

  test('a destination that has enough is left alone until it has drained', () => {
    const basin = new Basin()
    const { writer } = writerTo(basin)
    basin.full = true
    pushAll(writer, 300)
    vi.runAllTimers()
    pushAll(writer, 10, 300)
    vi.runAllTimers()
    expect(basin.writes).toHaveLength(1)
    basin.full = false
    basin.emit('drain')
    vi.runAllTimers()
    expect(basin.lines.map((line) => line['n'])).toEqual(numbers(0, 310))
  })

  test('what does not fit is dropped and counted, and a line says so', () => {
    const basin = new Basin()
    const { writer, dropped } = writerTo(basin, { bufferRecords: 10 })
    pushAll(writer, 15)
    expect([writer.waiting, dropped.value]).toEqual([10, 5])
    vi.runAllTimers()
    expect(basin.lines).toHaveLength(11)
    expect(basin.lines.at(-1)).toMatchObject({ level: 40, dropped: 5 })
    pushAll(writer, 1)
    vi.runAllTimers()
    expect(basin.lines.at(-1)).toEqual({ n: 0 })
  })

  test('with a destination that never drains, memory stays bounded for as long as it lasts', () => {
    const basin = new Basin()
    basin.full = true
    const { writer, dropped } = writerTo(basin, { bufferRecords: 500 })
    for (let i = 0; i < 100; i++) {
      pushAll(writer, 100)
      vi.advanceTimersByTime(100)
    }
    expect(writer.waiting).toBeLessThanOrEqual(500)
    expect(basin.lines.length + writer.waiting + dropped.value).toBe(10_000)
  })

  test('a stream that has failed gets nothing more, is reported once, and keeps no timer alive', async () => {
    const basin = new Basin()
    const { writer, told, dropped } = writerTo(basin)
    basin.emit('error', new Error('gone'))
    basin.emit('error', new Error('gone'))
    pushAll(writer, 5)
    vi.advanceTimersByTime(1000)
    await writer.close()
    expect(basin.writes).toEqual([])
    expect(told.map(({ level }) => level)).toEqual(['error', 'error'])
    expect(told.at(-1)?.text).toContain('to its end')
    expect(dropped.value).toBe(5)
  })

  test('closing in the middle of a burst leaves no timer behind', async () => {
    const { writer } = writerTo(new Basin())
    pushAll(writer, 600)
    vi.advanceTimersToNextTimer()
    pushAll(writer, 1)
    vi.advanceTimersToNextTimer()
    pushAll(writer, 1)
    await writer.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('closing writes what is waiting, and drops what comes later', async () => {
    const basin = new Basin()
    const { writer, dropped } = writerTo(basin)
    pushAll(writer, 700)
    await writer.close()
    pushAll(writer, 1)
    vi.runAllTimers()
    expect(basin.lines.map((line) => line['n'])).toEqual(numbers(0, 700))
    expect(dropped.value).toBe(1)
  })
})

describe('into files', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'access-log-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const linesOf = (file: string): unknown[] => readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { n: unknown }).n)

  test('lines are appended, and all are there once it is closed', async () => {
    const file = path.join(folder, 'access.log')
    for (const from of [0, 5000]) {
      const { writer } = writerTo(file, { bufferRecords: 10_000, flushMs: 1 })
      pushAll(writer, 5000, from)
      await writer.close()
    }
    expect(linesOf(file)).toEqual(numbers(0, 10_000))
  })

  test('a file that was renamed is left, and a new one begun under its name', async () => {
    const file = path.join(folder, 'access.log')
    const { writer } = writerTo(file, { flushMs: 1 })
    pushAll(writer, 1)
    await vi.waitFor(() => expect(linesOf(file)).toEqual([0]), { timeout: 30_000 })
    renameSync(file, `${file}.1`)
    let n = 1
    await vi.waitFor(
      () => {
        pushAll(writer, 1, n++)
        expect(linesOf(file).length).toBeGreaterThan(0)
      },
      { timeout: 30_000 },
    )
    await writer.close()
    expect([...linesOf(`${file}.1`), ...linesOf(file)]).toEqual(numbers(0, n))
  })

  test('a file that cannot be opened is reported once and tried again, and what was lost is counted', async () => {
    const file = path.join(folder, 'missing', 'access.log')
    const { writer, told, dropped } = writerTo(file, { flushMs: 1 })
    pushAll(writer, 3)
    await vi.waitFor(() => expect(told).toHaveLength(1), { timeout: 30_000 })
    expect(told[0]).toMatchObject({ level: 'error' })
    expect(dropped.value).toBe(3)
    await writer.close()
  })
})

describe('into streams', () => {
  test('a Node stream that is slow gets every line', async () => {
    const chunks: string[] = []
    const slow = new Writable({
      highWaterMark: 64,
      decodeStrings: false,
      write(chunk: string, _, done) {
        chunks.push(chunk)
        setImmediate(done)
      },
    })
    const { writer } = writerTo(slow, { flushMs: 1 })
    pushAll(writer, 900)
    while (writer.waiting > 0) await turn()
    await writer.close()
    slow.end()
    await once(slow, 'finish')
    expect(chunks.join('').split('\n').slice(0, -1).map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(numbers(0, 900))
  })

  test("pino's own destination takes the lines beside those of a logger", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'access-log-'))
    const file = path.join(folder, 'all.log')
    const destination = pino.destination({ dest: file, sync: false })
    const { writer } = writerTo(destination, { flushMs: 1 })
    pino({ base: null }, destination).info('hello')
    pushAll(writer, 1)
    await writer.close()
    destination.end()
    await once(destination, 'close')
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as object)
    rmSync(folder, { recursive: true })
    expect(lines).toMatchObject([{ level: 30, msg: 'hello' }, { n: 0 }])
  })
})
