// What is written down is there after a restart, and nobody else's file is touched.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { toInstance, type Instance } from './instance.ts'
import { inMemory, openStore, type Store } from './store.ts'

let file: string
beforeEach(() => {
  const folder = mkdtempSync(path.join(tmpdir(), 'registry-'))
  file = path.join(folder, 'deeper', 'registry.db')
  onTestFinished(() => rmSync(folder, { recursive: true }))
})

const instance = (id: string, more: object = {}): Instance => toInstance({ service: 'catalog', id, address: '10.0.0.1:8080', ...more })

function open(warnings: string[] = []): Store {
  const store = openStore(file, (text) => void warnings.push(text))
  onTestFinished(() => {
    try {
      store.close()
    } catch {
      // Closed by the test itself.
    }
  })
  return store
}

describe('a file', () => {
  test.skipIf(process.platform === 'win32')('and what is written beside it can be read by nobody else', () => {
    const store = open()
    store.put({ instance: instance('a'), lease: '1' }, [], 1)
    expect(['', '-wal'].map((end) => statSync(file + end).mode & 0o777)).toEqual([0o600, 0o600])
  })

  test('keeps what was put and not removed, the revision and its own id', () => {
    const first = open()
    first.put({ instance: instance('a'), lease: '1' }, [], 1)
    first.put({ instance: instance('b'), lease: '2' }, [], 2)
    first.put({ instance: instance('a', { weight: 5 }), lease: '3' }, [], 3)
    first.put({ instance: instance('c'), lease: '4' }, [instance('b')], 4)
    first.put({ instance: instance('d'), lease: '5' }, [], 5)
    first.remove([instance('d')], 6)
    first.close()
    const second = open()
    expect(second).toMatchObject({ registryId: first.registryId, revision: 6, isNew: false })
    expect(second.held).toEqual([{ instance: instance('a', { weight: 5 }), lease: '3' }, { instance: instance('c'), lease: '4' }])
  })

  test('is made with its folder, for its owner only, and is new once', () => {
    const store = open()
    expect(store).toMatchObject({ revision: 0, isNew: true, held: [] })
    expect(store.registryId).toMatch(/^[0-9a-f-]{36}$/)
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600)
    store.close()
    expect(open().isNew).toBe(false)
  })

  test('is open in one place only', () => {
    const store = open()
    expect(() => open()).toThrow(`${file}: another process has it open`)
    store.close()
    expect(() => open()).not.toThrow()
  })

  test('that is something else is left as it is', () => {
    open().close()
    const other = path.join(path.dirname(file), 'other.db')
    const database = new DatabaseSync(other)
    database.exec('CREATE TABLE mine (a)')
    database.close()
    const before = readFileSync(other)
    expect(() => openStore(other, () => {})).toThrow('is no registry')
    expect(readFileSync(other)).toEqual(before)
    const text = path.join(path.dirname(file), 'notes.txt')
    writeFileSync(text, 'x'.repeat(5000))
    expect(() => openStore(text, () => {})).toThrow('not a database')
    const newer = new DatabaseSync(file)
    newer.exec('PRAGMA user_version = 99')
    newer.close()
    expect(() => open()).toThrow('is no registry of this version')
  })

  test('with an instance that is not valid keeps the others', () => {
    const store = open()
    store.put({ instance: instance('a'), lease: '1' }, [], 1)
    store.close()
    const database = new DatabaseSync(file)
    database.exec(`INSERT INTO instance VALUES ('catalog', 'b', 'nonsense', '2')`)
    database.close()
    const warnings: string[] = []
    expect(open(warnings).held.map((held) => held.instance.id)).toEqual(['a'])
    expect(warnings).toEqual([expect.stringContaining('not valid and left out')])
  })

  test('in a folder that cannot be made is told with its reason', () => {
    file = path.join('/dev/null', 'registry.db')
    expect(() => open()).toThrow(/^\/dev\/null\/registry.db: E/)
  })

  test('that fails to be written fails with the reason, and what was there stays', () => {
    const store = open()
    store.put({ instance: instance('a'), lease: '1' }, [], 1)
    const broken = { ...instance('b'), service: undefined as unknown as string }
    expect(() => store.put({ instance: broken, lease: '2' }, [instance('a')], 2)).toThrow(file)
    store.close()
    expect(open()).toMatchObject({ revision: 1, held: [{ lease: '1' }] })
  })
})

test('in memory nothing is kept, and several are open at a time', () => {
  const [one, other] = [openStore(inMemory, () => {}), openStore(inMemory, () => {})]
  one.put({ instance: instance('a'), lease: '1' }, [], 1)
  expect([one.isNew, other.isNew, one.registryId === other.registryId]).toEqual([true, true, false])
  one.close()
  other.close()
  const again = openStore(inMemory, () => {})
  expect(again.held).toEqual([])
  again.close()
})
