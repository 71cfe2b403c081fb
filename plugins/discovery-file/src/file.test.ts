// Real files in real folders: every way to change one is seen, and nothing bad is ever published.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { EndpointSpec } from '@meshwright/core'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { file, type FileOptions } from './file.ts'

let folder: string
let target: string

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'discovery-file-'))
  target = path.join(folder, 'endpoints.yaml')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Followed {
  /** The hosts of each set that was published. */
  readonly sets: string[]
  readonly warnings: string[]
  readonly infos: string[]
  readonly stop: () => void
}

async function follow(options: Partial<FileOptions> = {}): Promise<Followed> {
  const [sets, warnings, infos]: string[][] = [[], [], []]
  const log = { warn: (details: object) => warnings?.push((details as { reason: string }).reason), info: (_: object, text: string) => infos?.push(text) }
  const publish = (endpoints: readonly EndpointSpec[]): unknown => sets?.push(endpoints.map(({ host }) => host).join(' '))
  // A poll of an hour: what is seen is seen by watching.
  const stop = await file({ path: target, debounceMs: 20, pollMs: 3_600_000, ...options }, log).watch('users', publish)
  onTestFinished(() => stop())
  return { sets: sets as string[], warnings: warnings as string[], infos: infos as string[], stop }
}

/** Waits for the file system's word; how long that takes on a busy machine nobody promises. */
async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 30_000, interval: 10 })
}

function hosts(...names: string[]): string {
  return names.map((name) => `- ${name}:80\n`).join('') || '[]'
}

describe('changes', () => {
  test('the endpoints are published before watching has begun', async () => {
    writeFileSync(target, hosts('a', 'b'))
    expect((await follow()).sets).toEqual(['a b'])
  })

  test('a file written in place', async () => {
    writeFileSync(target, hosts('a'))
    const { sets } = await follow()
    writeFileSync(target, hosts('a', 'b'))
    await eventually(() => expect(sets).toEqual(['a', 'a b']))
    writeFileSync(target, hosts())
    await eventually(() => expect(sets).toEqual(['a', 'a b', '']))
  })

  test('another file renamed over it, again and again', async () => {
    writeFileSync(target, hosts('a'))
    const { sets } = await follow()
    for (const name of ['b', 'c', 'd']) {
      writeFileSync(`${target}.new`, hosts(name))
      renameSync(`${target}.new`, target)
      await eventually(() => expect(sets.at(-1)).toBe(name))
    }
    expect(sets).toEqual(['a', 'b', 'c', 'd'])
  })

  test('a symbolic link to a folder turned, as Kubernetes mounts a ConfigMap', async () => {
    for (const version of ['1', '2']) {
      mkdirSync(path.join(folder, `..v${version}`))
      writeFileSync(path.join(folder, `..v${version}`, 'endpoints.yaml'), hosts(`v${version}`))
    }
    symlinkSync('..v1', path.join(folder, '..data'))
    symlinkSync('..data/endpoints.yaml', target)
    const { sets } = await follow()
    symlinkSync('..v2', path.join(folder, '..data_tmp'))
    renameSync(path.join(folder, '..data_tmp'), path.join(folder, '..data'))
    await eventually(() => expect(sets).toEqual(['v1', 'v2']))
  })

  test('a link to a file elsewhere, written there', async () => {
    const elsewhere = path.join(folder, 'elsewhere')
    mkdirSync(elsewhere)
    writeFileSync(path.join(elsewhere, 'real.yaml'), hosts('a'))
    symlinkSync(path.join(elsewhere, 'real.yaml'), target)
    const { sets } = await follow()
    writeFileSync(path.join(elsewhere, 'real.yaml'), hosts('b'))
    await eventually(() => expect(sets).toEqual(['a', 'b']))
  })

  test('a folder that comes later is found by looking from time to time', async () => {
    const late = path.join(folder, 'late', 'endpoints.json')
    const { sets, warnings } = await follow({ path: late, pollMs: 100 })
    expect(warnings).toEqual([expect.stringContaining('ENOENT')])
    mkdirSync(path.dirname(late))
    writeFileSync(late, '["a:80"]')
    await eventually(() => expect(sets).toEqual(['a']))
  })

  test('the same content written again is not published again', async () => {
    writeFileSync(target, hosts('a'))
    const { sets } = await follow()
    writeFileSync(target, hosts('a'))
    writeFileSync(path.join(folder, 'other.txt'), 'x')
    writeFileSync(`${target}.new`, hosts('a'))
    renameSync(`${target}.new`, target)
    await eventually(() => expect(sets).toEqual(['a']))
    writeFileSync(target, hosts('b'))
    await eventually(() => expect(sets).toEqual(['a', 'b']))
  })

  test('after stop nothing is published', async () => {
    writeFileSync(target, hosts('a'))
    const stopped = await follow()
    const other = await follow()
    stopped.stop()
    writeFileSync(target, hosts('b'))
    await eventually(() => expect(other.sets).toEqual(['a', 'b']))
    expect(stopped.sets).toEqual(['a'])
  })
})

describe('bad files', () => {
  test('the last good endpoints stay, the reason is told once, and so is that it is good again', async () => {
    writeFileSync(target, hosts('a'))
    const { sets, warnings, infos } = await follow({ pollMs: 100 })
    writeFileSync(target, '- a:80\n- :::')
    await eventually(() => expect(warnings).toEqual([expect.stringContaining('endpoints[1]')]))
    rmSync(target)
    await eventually(() => expect(warnings).toEqual([expect.any(String), expect.stringContaining('ENOENT')]))
    writeFileSync(target, hosts('b'))
    await eventually(() => expect(sets).toEqual(['a', 'b']))
    expect(infos).toEqual(['the endpoints file is good again'])
    expect(warnings).toHaveLength(2)
  })

  test('a good file that comes back unchanged is told, and not published again', async () => {
    writeFileSync(target, hosts('a'))
    const { sets, warnings, infos } = await follow()
    rmSync(target)
    await eventually(() => expect(warnings).toHaveLength(1))
    writeFileSync(target, hosts('a'))
    await eventually(() => expect(infos).toHaveLength(1))
    expect(sets).toEqual(['a'])
  })

  test('a file that is too long', async () => {
    writeFileSync(target, hosts('a', 'b', 'c'))
    expect(await follow({ maxBytes: 10 })).toMatchObject({ sets: [], warnings: ['it is longer than 10 bytes'] })
  })

  test('a folder under the name', async () => {
    mkdirSync(target)
    expect(await follow()).toMatchObject({ sets: [], warnings: ['it is not a file'] })
  })

  test.skipIf(process.platform === 'win32')('a pipe that nobody writes to', async () => {
    execFileSync('mkfifo', [target])
    expect(await follow()).toMatchObject({ sets: [], warnings: ['it is not a file'] })
  })
})

test.each([{ debounceMs: -1 }, { pollMs: 1 }, { maxBytes: 0 }, { maxEndpoints: 0 }])('%j is refused', (options) => {
  expect(() => file({ path: 'x', ...options })).toThrow(RangeError)
})
