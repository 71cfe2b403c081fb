// meshwright plugin new: what it writes, and what it refuses.
import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { ask } from '../testing/ask.ts'
import { Folder } from '../testing/child.ts'
import { version } from '../version.ts'
import { pluginKinds } from './plugin-new.ts'

test('it writes a package and says what is where and what comes next', async () => {
  await using folder = await Folder.create()
  const { code, stdout, stderr } = await folder.run('plugin', 'new', 'filter', 'geo-ip')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toBe(`wrote meshwright-filter-geo-ip, 9 files in meshwright-filter-geo-ip

  src/geo-ip.ts       the answer: begin here
  src/geo-ip.test.ts  what every filter promises, and what this one does
  src/index.ts        the door: its name, and the schema of its options
  mesh.yaml           a mesh that uses it

next:
  cd meshwright-filter-geo-ip
  npm install
  npm test
  npm start
`)
  const files = await readdir(folder.file('meshwright-filter-geo-ip'), { recursive: true })
  expect(files.toSorted()).toEqual(['.gitignore', 'LICENSE', 'README.md', 'mesh.yaml', 'package.json', 'src', 'src/geo-ip.test.ts', 'src/geo-ip.ts', 'src/index.ts', 'tsconfig.json'])
})

test('the package is named, marked and tied to the core as others find and install it', async () => {
  await using folder = await Folder.create()
  await ask(folder, 'plugin', 'new', 'balancer', 'idlest')
  expect(JSON.parse(await readFile(folder.file('meshwright-balancer-idlest/package.json'), 'utf8'))).toMatchObject({
    name: 'meshwright-balancer-idlest',
    keywords: ['meshwright-plugin', 'meshwright-balancer', 'meshwright'],
    type: 'module',
    engines: { node: '>=24.15.0' },
    peerDependencies: { '@meshwright/core': `^${version}` },
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
  })
})

test('the whole name of the package is as good as the name', async () => {
  await using folder = await Folder.create()
  expect(await ask(folder, 'plugin', 'new', 'retry', 'meshwright-retry-patient')).toMatchObject({ code: 0 })
  expect(await readdir(folder.path)).toEqual(['meshwright-retry-patient'])
})

test('it writes into an empty folder that it is told', async () => {
  await using folder = await Folder.create()
  expect(await ask(folder, 'plugin', 'new', 'health', 'greeting', '--directory', '.')).toMatchObject({ code: 0 })
  expect(await readdir(folder.file('src'))).toContain('greeting.ts')
})

test('a folder with files is left alone without --force', async () => {
  await using folder = await Folder.create({ 'README.md': 'mine' })
  expect(await ask(folder, 'plugin', 'new', 'filter', 'geo', '--directory', '.')).toEqual({ code: 1, stdout: '', stderr: 'meshwright: . exists already and has files; --force writes over them, --directory takes another folder\n' })
  expect(await readdir(folder.path)).toEqual(['README.md'])
  expect(await ask(folder, 'plugin', 'new', 'filter', 'geo', '--directory', '.', '--force')).toMatchObject({ code: 0 })
  expect(await readFile(folder.file('README.md'), 'utf8')).toMatch(/^# meshwright-filter-geo\n/)
})

test('a file in its place is no folder', async () => {
  await using folder = await Folder.create({ there: '' })
  const { code, stderr } = await ask(folder, 'plugin', 'new', 'filter', 'geo', '--directory', 'there')
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/^meshwright: there cannot be written to: .*\n$/) })
})

describe('wrong usage ends with 2 and says what would be right', () => {
  const kinds = `${pluginKinds.slice(0, -1).join(', ')} and ${pluginKinds.at(-1)}`

  test.each([
    [['fliter', 'geo'], `"fliter" is no kind of plugin (did you mean "filter"?); the kinds are ${kinds}`],
    [['middleware', 'geo'], `"middleware" is no kind of plugin (here that is "filter"); the kinds are ${kinds}`],
    [['constructor', 'geo'], `"constructor" is no kind of plugin; the kinds are ${kinds}`],
    [['transport', 'quic'], `"transport" is no kind of plugin; the kinds are ${kinds}`],
    [['filter', 'GeoIp'], '"GeoIp" is no name for a plugin: lower-case letters and digits, words joined by hyphens, as "geo-ip"'],
    [['filter', '../geo'], '"../geo" is no name for a plugin: lower-case letters and digits, words joined by hyphens, as "geo"'],
    [['filter', '@acme/geo'], '"@acme/geo" is no name for a plugin: lower-case letters and digits, words joined by hyphens, as "acme-geo"'],
    [['filter', '7'], '"7" is no name for a plugin: lower-case letters and digits, words joined by hyphens'],
    [['filter', 'x'.repeat(101)], 'the name has 101 characters; at most 100 make a package name that npm takes'],
    [['filter', 'index'], 'a plugin cannot be named "index": that is a file of the package'],
    [['balancer', 'round-robin'], 'the balancer "round-robin" comes with meshwright: take another name'],
  ])('%j', async (args, message) => {
    await using folder = await Folder.create()
    expect(await ask(folder, 'plugin', 'new', ...args)).toEqual({ code: 2, stdout: '', stderr: `meshwright: ${message}\n` })
    expect(await readdir(folder.path)).toEqual([])
  })

  test.each([[[]], [['new']], [['new', 'filter']], [['old']]])('plugin %j', async (args) => {
    await using folder = await Folder.create()
    const { code, stderr } = await ask(folder, 'plugin', ...args)
    expect(code).toBe(2)
    expect(stderr).not.toBe('')
  })
})

test('its help lists the kinds', async () => {
  await using folder = await Folder.create()
  const { code, stdout } = await ask(folder, 'plugin', 'new', '--help')
  expect(code).toBe(0)
  for (const kind of pluginKinds) expect(stdout).toContain(kind)
})
