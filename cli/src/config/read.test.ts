// Files of every kind, and what is refused before anything in them is looked at.
import { expect, test } from 'vitest'
import { Folder } from '../testing/child.ts'
import { maxFileBytes, readConfig } from './read.ts'

async function problemsOf(name: string, text: string | Uint8Array): Promise<string[]> {
  await using folder = await Folder.create()
  await folder.write(name, text as string)
  const { problems } = await readConfig(folder.file(name))
  return problems.map(({ code, message, position }) => `${code} ${message}${position === undefined ? '' : ` ${position.line}:${position.column}`}`)
}

test('the same mesh is read from YAML, JSON and a module', async () => {
  const spec = { workers: 0, listeners: [{ address: '127.0.0.1:0' }] }
  await using folder = await Folder.create({
    'a.yaml': 'workers: 0\nlisteners: [{ address: 127.0.0.1:0 }]\n',
    'a.json': `\ufeff${JSON.stringify(spec, null, '\t')}`,
    'a.config.ts': `const port: number = 0\nexport default { workers: 0, listeners: [{ address: \`127.0.0.1:\${port}\` }] }\n`,
    'a.config.mjs': `export default ${JSON.stringify(spec)}\n`,
  })
  for (const name of ['a.yaml', 'a.json', 'a.config.ts', 'a.config.mjs']) {
    const { source, problems } = await readConfig(folder.file(name))
    expect(problems).toEqual([])
    expect(source.value).toEqual(spec)
  }
})

test('JSON has positions too', async () => {
  await using folder = await Folder.create({ 'a.json': '{\n  "routes": [\n    { "to": "users" }\n  ]\n}\n' })
  const { source } = await readConfig(folder.file('a.json'))
  expect(source.locate(['routes', 0, 'to'], 'value')).toMatchObject({ line: 3, column: 13, endColumn: 20 })
})

test('a module that has changed is loaded anew', async () => {
  await using folder = await Folder.create({ 'a.config.ts': 'export default { workers: 0 }' })
  const first = await readConfig(folder.file('a.config.ts'))
  await folder.write('a.config.ts', 'export default { workers: 1 }')
  const second = await readConfig(folder.file('a.config.ts'))
  expect([first.source.value, second.source.value]).toEqual([{ workers: 0 }, { workers: 1 }])
  expect(first.contentHash).not.toBe(second.contentHash)
})

test('a file that is not there is a problem', async () => {
  const { problems } = await readConfig('/nowhere/mesh.yaml')
  expect(problems.map(({ code, message }) => `${code} ${message}`)).toEqual(['MW1001 the file cannot be read: it does not exist'])
})

test.each([
  ['mesh.toml', 'a = 1', ['MW1007 ".toml" is not a kind of configuration: use .yaml, .yml, .json, .ts, .mts, .js, .mjs']],
  ['mesh.yaml', '', ['MW1008 the file is empty']],
  ['mesh.yaml', '# only a comment\n', ['MW1008 the file says nothing']],
  ['mesh.yaml', new Uint8Array([0x61, 0x3a, 0x20, 0xff]), ['MW1003 the file is not UTF-8 text']],
  ['mesh.yaml', `a: "${'x'.repeat(maxFileBytes)}"`, [`MW1002 the file has ${maxFileBytes + 5} bytes; at most ${maxFileBytes} are read`]],
  ['mesh.yaml', '['.repeat(100_000), ['MW1005 nested more than 64 levels deep']],
  ['mesh.config.mjs', 'export const a = 1', ['MW1006 the module has no default export: write `export default defineConfig({ … })`']],
  ['mesh.config.mjs', 'const a = 1\n  throw new Error("no database")\n', ['MW1006 the module cannot be loaded: no database 2:9']],
])('%s is refused (%#)', async (name, text, expected) => {
  expect(await problemsOf(name, text)).toEqual(expected)
})
