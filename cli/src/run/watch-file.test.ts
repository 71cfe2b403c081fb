// One file, watched through everything that may happen to it.
import { createHash } from 'node:crypto'
import { readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { Folder } from '../testing/child.ts'
import { FileWatch } from './watch-file.ts'

/** Watches a file and gives each content it is told of. */
class Seen implements Disposable {
  readonly contents: string[] = []
  readonly #watch: FileWatch
  #changed = Promise.withResolvers<void>()

  constructor(file: string) {
    const onChange = async (): Promise<void> => {
      this.contents.push(await readFile(file, 'utf8'))
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    }
    this.#watch = new FileWatch(file, onChange, { quietMs: 5, mostMs: 50, pollMs: 20 })
  }

  async start(content: string): Promise<void> {
    await this.#watch.start(createHash('sha256').update(content).digest('hex'))
  }

  /** Resolves when the last content seen is this one. */
  async until(content: string): Promise<void> {
    while (this.contents.at(-1) !== content) await this.#changed.promise
  }

  [Symbol.dispose](): void {
    this.#watch.stop()
  }
}

test('a file that is written again is seen', async () => {
  await using folder = await Folder.create({ 'mesh.yaml': 'one' })
  using seen = new Seen(folder.file('mesh.yaml'))
  await seen.start('one')
  await folder.write('mesh.yaml', 'two')
  await seen.until('two')
})

test('a change between reading and watching is seen', async () => {
  await using folder = await Folder.create({ 'mesh.yaml': 'two' })
  using seen = new Seen(folder.file('mesh.yaml'))
  await seen.start('one')
  await seen.until('two')
})

test('a file that is replaced by renaming is seen each time', async () => {
  await using folder = await Folder.create({ 'mesh.yaml': 'one' })
  using seen = new Seen(folder.file('mesh.yaml'))
  await seen.start('one')
  for (const content of ['two', 'three', 'four']) {
    await folder.write('mesh.yaml.tmp', content)
    await rename(folder.file('mesh.yaml.tmp'), folder.file('mesh.yaml'))
    await seen.until(content)
  }
})

test('a file that is removed and comes back is seen', async () => {
  await using folder = await Folder.create({ 'mesh.yaml': 'one' })
  using seen = new Seen(folder.file('mesh.yaml'))
  await seen.start('one')
  await rm(folder.file('mesh.yaml'))
  await folder.write('mesh.yaml', 'two')
  await seen.until('two')
})

test('a swapped link to a directory is seen, as Kubernetes mounts a ConfigMap', async () => {
  await using folder = await Folder.create({ 'v1/mesh.yaml': 'one', 'v2/mesh.yaml': 'two' })
  await symlink('v1', folder.file('..data'))
  await symlink('..data/mesh.yaml', folder.file('mesh.yaml'))
  using seen = new Seen(folder.file('mesh.yaml'))
  await seen.start('one')
  await symlink('v2', folder.file('..data_tmp'))
  await rename(folder.file('..data_tmp'), folder.file('..data'))
  await seen.until('two')
  await folder.write('v2/mesh.yaml', 'three')
  await seen.until('three')
})

test('a file that a link leads to in another directory is seen', async () => {
  await using folder = await Folder.create({ 'real/mesh.yaml': 'one', 'named/other': '' })
  await symlink('../real/mesh.yaml', folder.file('named/mesh.yaml'))
  using seen = new Seen(folder.file('named/mesh.yaml'))
  await seen.start('one')
  await folder.write('real/mesh.yaml', 'two')
  await seen.until('two')
})

test('a file that is only touched, or written with the same content, is no change', async () => {
  await using folder = await Folder.create({ 'mesh.yaml': 'one' })
  using seen = new Seen(folder.file('mesh.yaml'))
  await seen.start('one')
  await utimes(folder.file('mesh.yaml'), new Date(), new Date())
  await writeFile(folder.file('mesh.yaml'), 'one')
  await folder.write('beside.txt', 'x')
  await folder.write('mesh.yaml', 'two')
  await seen.until('two')
  expect(seen.contents).toEqual(['two'])
})
