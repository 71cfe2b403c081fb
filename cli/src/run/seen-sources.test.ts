// Which changes of sources are compiled.
import { expect, onTestFinished, test } from 'vitest'
import { Folder } from '../testing/child.ts'
import { SeenSources, sourcesBeside, type Look } from './seen-sources.ts'

async function seen(files: Readonly<Record<string, string>>): Promise<{ folder: Folder; sources: SeenSources }> {
  const folder = await Folder.create(files)
  onTestFinished(async () => folder[Symbol.asyncDispose]())
  return { folder, sources: new SeenSources(folder.path) }
}

async function compile(sources: SeenSources, files: readonly string[], meanwhile: () => Promise<void> = async () => {}): Promise<void> {
  const before = await sources.look(files)
  await meanwhile()
  await sources.compiled(before as Look, files)
}

test('what was compiled is no change, until a file is another one', async () => {
  const { folder, sources } = await seen({ 'a/index.ts': 'one' })
  expect(sources.isNew).toBe(true)
  await compile(sources, ['a/index.ts'])
  expect(sources.isNew).toBe(false)
  expect(await sources.look(['a/index.ts'])).toBeUndefined()
  await folder.write('a/index.ts', 'two')
  expect(await sources.look(['a/index.ts'])).toBeDefined()
  await folder.write('a/index.ts', 'one')
  expect(await sources.look(['a/index.ts'])).toBeUndefined()
})

test('what changes while it is compiled is a change afterwards', async () => {
  const { folder, sources } = await seen({ 'a/index.ts': 'one' })
  await compile(sources, ['a/index.ts'], async () => folder.write('a/index.ts', 'two'))
  expect(await sources.look(['a/index.ts'])).toBeDefined()
})

test('a source that comes or goes beside others is a change, another file is none', async () => {
  const { folder, sources } = await seen({ 'a/index.ts': 'one' })
  await compile(sources, ['a/index.ts'])
  await folder.write('a/notes.md', '')
  expect(await sources.look(['a/index.ts'])).toBeUndefined()
  await folder.write('a/more.ts', '')
  expect(await sources.look(['a/index.ts'])).toBeDefined()
})

test('sources are found beside the entry and below', async () => {
  const { folder } = await seen({ 'a/index.ts': '', 'a/in/more.ts': '', 'a/tsconfig.json': '', 'test/a.test.ts': '' })
  expect((await sourcesBeside('a/index.ts', folder.path)).toSorted()).toEqual(['a/in/more.ts', 'a/index.ts'])
  expect(await sourcesBeside('none/index.ts', folder.path)).toEqual(['none/index.ts'])
})
