// meshwright filter: from the first minute of a filter to a mesh that swaps it.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { access, readdir, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ask } from '../testing/ask.ts'
import { Command, Folder } from '../testing/child.ts'
import { filterFolder, linkPackages } from '../testing/filter-folder.ts'

/** The compiler takes seconds, and the machine may be busy. */
const slowMs = 120_000

describe('a new filter', { timeout: slowMs }, () => {
  let folder: Folder
  beforeAll(async () => {
    folder = await filterFolder('my-auth')
  }, slowMs)
  afterAll(async () => folder[Symbol.asyncDispose]())

  test('has a filter, a test, a schema and a mesh', async () => {
    const files = (await readdir(folder.path, { recursive: true })).filter((file) => !file.startsWith('node_modules'))
    expect(files.toSorted()).toEqual([
      '.gitignore', 'LICENSE', 'README.md', 'assembly', 'assembly/index.ts', 'assembly/tsconfig.json', 'configuration.schema.json', 'mesh.yaml', 'package.json', 'test', 'test/my-auth.test.ts', 'tsconfig.json',
    ])
    for (const file of files.filter((file) => file.includes('.'))) expect(await readFile(folder.file(file), 'utf8')).not.toMatch(/__\w+?__/)
    expect(JSON.parse(await readFile(folder.file('package.json'), 'utf8'))).toMatchObject({ name: 'meshwright-wasm-my-auth', exports: { './filter.wasm': './build/my-auth.wasm' } })
  })

  test('passes its own tests as it stands', async () => {
    const { code, stdout, stderr } = await folder.run('filter', 'test', '--', '--test-reporter=tap')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^build\/my-auth\.wasm {2}[\d.]+ KB {2}sha256 [0-9a-f]{64} {2}[\d.]+ m?s\n/)
    expect(stdout).toMatch(/\n# pass 5\n# fail 0\n/)
  })

  test('is built twice to the same bytes, and inspected', async () => {
    const shas: unknown[] = []
    for (const start of [folder.run.bind(folder), ask.bind(undefined, folder)]) {
      const { code, stdout } = await start('filter', 'build', '--json')
      expect(code).toBe(0)
      const report = JSON.parse(stdout) as Record<string, unknown>
      expect(report).toMatchObject({ ok: true, file: 'build/my-auth.wasm', diagnostics: [] })
      shas.push(report['sha256'])
    }
    expect(shas[0]).toBe(shas[1])
    const inspected = await ask(folder, 'filter', 'inspect', 'build/my-auth.wasm', '--configuration', '{"keys":{"k1":"ada"}}', '--json')
    expect(inspected).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      file: 'build/my-auth.wasm',
      sha256: shas[0],
      abi: '0.2.1',
      language: { name: 'AssemblyScript' },
      callbacks: expect.arrayContaining(['proxy_on_request_headers', 'proxy_on_response_headers']),
      problems: [],
      cost: { outcome: 'replied' },
    })
  })

  test('is told to people, too', async () => {
    const { code, stdout } = await ask(folder, 'filter', 'inspect', 'build/my-auth.wasm', '--no-run')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^build\/my-auth\.wasm\n {2}size {8}[\d.]+ KB; [\d.]+ KB with the meter in it \(\+\d+ %\)\n {2}sha256 {6}[0-9a-f]{64}\n {2}ABI {9}0\.2\.1\n/)
    expect(stdout).not.toContain('exchange')
  })

  test('refuses a configuration that it does not take, and says so', async () => {
    const { code, stdout } = await ask(folder, 'filter', 'inspect', 'build/my-auth.wasm', '--configuration', '{"kyes":{}}')
    expect(code).toBe(1)
    expect(stdout).toMatch(/it refused its configuration[\s\S]*kyes/)
    const none = await ask(folder, 'filter', 'inspect', 'build/my-auth.wasm')
    expect(none).toMatchObject({ code: 1, stderr: "meshwright: it had no configuration: if it needs one, give it with --configuration '{ … }'\n" })
  })

  test('has a script that inspects it', async () => {
    const { scripts } = JSON.parse(await readFile(folder.file('package.json'), 'utf8')) as { scripts: { inspect: string } }
    const [, file, configuration] = /^meshwright filter inspect (\S+) --configuration (".*")$/.exec(scripts.inspect) ?? []
    const inspected = await ask(folder, 'filter', 'inspect', String(file), '--configuration', JSON.parse(String(configuration)) as string)
    expect(inspected).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/ {2}exchange .* without a body: replied\n/) })
  })

  test('tests that fail make the command fail', async () => {
    await folder.write('test/failing.test.ts', `import test from 'node:test'\ntest('no', () => { throw new Error('no') })\n`)
    expect((await folder.run('filter', 'test', '--no-build', 'test/failing.test.ts')).code).toBe(1)
    await rm(folder.file('test/failing.test.ts'))
  })
})

test.each(['action', 'counter', 'http-filter', 'map', 'settings'])('a filter may be called %s, like something that its source has already', async (name) => {
  await using folder = await Folder.create()
  expect(await ask(folder, 'filter', 'new', name)).toMatchObject({ code: 0 })
  const [, own = ''] = /export class (\w+) extends HttpFilter/.exec(await readFile(folder.file(`${name}/assembly/index.ts`), 'utf8')) ?? []
  expect(own).toMatch(/\wFilter$/)
  expect(own).not.toBe('HttpFilter')
})

describe('a filter with mistakes', { timeout: slowMs }, () => {
  let folder: Folder
  beforeAll(async () => {
    folder = await Folder.create()
    await linkPackages(folder)
  }, slowMs)
  afterAll(async () => folder[Symbol.asyncDispose]())

  const head = `import { Action, HttpFilter } from '@meshwright/filter-sdk'\n`

  test.each([
    ['a syntax error', `${head}@filter export class A extends HttpFilter {\n  onRequestHeaders(end: bool): Action { return Action.Continue)\n  }\n}\n`, /^assembly\/index\.ts:3:63 {2}.*TS\d+\n {4}3 \| .*\n {6}\| {63}\^\n(?:.*\n)*\d errors?\n$/],
    ['a wrong type', `${head}@filter export class A extends HttpFilter {\n  onRequestHeaders(end: bool): Action { return this.request.pth }}\n`, /^assembly\/index\.ts:3:\d+ {2}Property 'pth' does not exist.* {2}TS2339\n {4}3 \| .*\n/],
    ['a phase that there is not', `${head}@filter export class A extends HttpFilter {\n  onRequestHeader(end: bool): Action { return Action.Continue }}\n`, /^assembly\/index\.ts:3:3 {2}.*onRequestHeaders.* {2}MW1\n/],
    ['an import that no mesh has', `${head}@external("env", "teleport") declare function teleport(): void\n@filter export class A extends HttpFilter {\n  onRequestHeaders(end: bool): Action { teleport(); return Action.Continue }}\n`, /teleport/],
    ['no filter', `export function a(): void {}\n`, /@filter/],
  ])('%s is shown where it is, and nothing is written', async (_what, source, expected) => {
    await folder.write('assembly/index.ts', source)
    const { code, stdout, stderr } = await ask(folder, 'filter', 'build')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(expected)
    expect(stderr).not.toMatch(/at .*node:internal|\.ts:\d+:\d+\)/)
    await expect(access(folder.file('build'))).rejects.toThrow('ENOENT')
  })

  test('a module that cannot be put in its place leaves nothing beside it', async () => {
    await folder.write('assembly/index.ts', `${head}@filter export class A extends HttpFilter {}\n`)
    await folder.write('out/a.wasm/in-the-way', '')
    const { code, stderr } = await ask(folder, 'filter', 'build', '--output', 'out/a.wasm')
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^meshwright: out\/a\.wasm cannot be written: .*\n$/) })
    expect(await readdir(folder.file('out'))).toEqual(['a.wasm'])
  })

  test('programs get the mistakes as data', async () => {
    await folder.write('assembly/index.ts', `${head}@filter export class A extends HttpFilter {\n  onRequestHeaders(end: bool): Action { return nothing }}\n`)
    const { code, stdout, stderr } = await folder.run('filter', 'build', '--json')
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, diagnostics: [{ severity: 'error', file: 'assembly/index.ts', line: 3 }] })
  })
})

describe('what is asked wrongly is explained', () => {
  test.each([
    [['filter', 'new', 'MyAuth'], 2, '"MyAuth" is no name for a filter: lower-case letters and digits, words joined by hyphens, as "my-auth"'],
    [['filter', 'new', '../auth'], 2, '"../auth" is no name for a filter: lower-case letters and digits, words joined by hyphens, as "auth"'],
    [['filter', 'new', 'x'.repeat(101)], 2, 'the name has 101 characters; at most 100 make a package name that npm takes'],
    [['filter', 'build'], 1, 'there is no filter in this folder: assembly/index.ts is missing. Write a first one with: meshwright filter new <name>'],
    [['filter', 'build', '--entry', '../a.ts'], 2, '../a.ts is not in this folder: name the folder with --directory'],
    [['filter', 'inspect', 'none.wasm'], 1, 'there is no file none.wasm'],
    [['filter', 'inspect', 'none.wasm', '--no-run', '--configuration', '{}'], 2, '--configuration and --root-id are for running it: leave out --no-run'],
  ])('%j', async (args, code, message) => {
    await using folder = await Folder.create()
    expect(await ask(folder, ...args)).toEqual({ code, stdout: '', stderr: `meshwright: ${message}\n` })
    expect(await readdir(folder.path)).toEqual([])
  })

  test('a folder with files is left alone without --force', async () => {
    await using folder = await Folder.create({ 'auth/mine.txt': 'mine' })
    expect(await ask(folder, 'filter', 'new', 'auth')).toMatchObject({ code: 1, stderr: 'meshwright: auth exists already and has files; --force writes over them, --directory takes another folder\n' })
    expect(await readdir(folder.file('auth'))).toEqual(['mine.txt'])
  })

  test('a project without the compiler is told what to install', async () => {
    await using folder = await Folder.create({ 'assembly/index.ts': '' })
    expect(await ask(folder, 'filter', 'build')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'meshwright: @meshwright/filter-sdk and assemblyscript are not installed for this folder. Install with: npm install --save-dev @meshwright/filter-sdk assemblyscript\n',
    })
  })

  test('what is no module is not inspected', async () => {
    await using folder = await Folder.create({ 'a.wasm': '{ "name": "a" }', 'empty.wasm': '' })
    const said = { 'a.wasm': 'a.wasm: this is no WebAssembly module', 'empty.wasm': 'empty.wasm is empty', '.': '. is a folder: name a module, as build/auth.wasm' }
    for (const [file, message] of Object.entries(said)) expect(await ask(folder, 'filter', 'inspect', file)).toEqual({ code: 1, stdout: '', stderr: `meshwright: ${message}\n` })
  })

  test('each word of it has help', async () => {
    await using folder = await Folder.create()
    for (const word of ['new', 'build', 'dev', 'test', 'inspect']) expect(await ask(folder, 'filter', word, '--help')).toMatchObject({ code: 0, stdout: expect.stringContaining(`meshwright filter ${word}`) })
  })
})

describe('a filter in development', { timeout: slowMs }, () => {
  async function developed(): Promise<{ folder: Folder }> {
    const folder = await filterFolder('auth')
    onTestFinished(async () => folder[Symbol.asyncDispose]())
    const server = createServer((_request, response) => response.end('from the app')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const mesh = await readFile(folder.file('mesh.yaml'), 'utf8')
    await folder.write('mesh.yaml', `${mesh.replace('127.0.0.1:8080', '127.0.0.1:0').replace('127.0.0.1:3000', `127.0.0.1:${port}`)}admin: false\n`)
    return { folder }
  }

  async function edit(folder: Folder, from: string, to: string): Promise<void> {
    const source = await readFile(folder.file('assembly/index.ts'), 'utf8')
    expect(source).toContain(from)
    await folder.replace('assembly/index.ts', source.replace(from, to))
  }

  test.each([0, 2])('is swapped again and again under load with %i workers, and no request is lost', async (workers) => {
    const { folder } = await developed()
    await folder.write('mesh.yaml', `${await readFile(folder.file('mesh.yaml'), 'utf8')}workers: ${workers}\n`)
    await using dev = new Command(['filter', 'dev'], folder.path)
    const [url] = await dev.until('stderr', /http:\/\/\S+/)
    const load = new Load(url)
    let greeting = 'this.customer'
    for (const next of ["'one ' + this.customer", "'two ' + this.customer"]) {
      await edit(folder, `'x-served-for', ${greeting})`, `'x-served-for', ${next})`)
      await load.until(next.replace("' + this.customer", 'ada').slice(1))
      greeting = next
    }
    await load.stop()
    expect(load.failures).toEqual([])
    expect([...load.seen]).toEqual(['ada', 'one ada', 'two ada'])
    // One thread may serve the new one before all of them do, and only then it is said.
    await dev.until('stderr', /(?:swapped in[^]*){2}/)
  })

  test('that does not compile, or does not start, leaves the one before it in service', async () => {
    const { folder } = await developed()
    await using dev = new Command(['filter', 'dev'], folder.path)
    const [url] = await dev.until('stderr', /http:\/\/\S+/)
    await edit(folder, 'own.keys.get(key)', 'own.keyss.get(key)')
    await dev.until('stderr', /assembly\/index\.ts:\d+:\d+ {2}Property 'keyss' does not exist.*\n.*\n.*\^+\n1 error\n/)
    expect(await served(url)).toBe('ada')
    await edit(folder, 'own.keyss.get(key)', 'own.keys.get(key)')
    await dev.until('stderr', /swapped in/)
    await edit(folder, "header: string = 'x-api-key'", '@required header: string = ""')
    await dev.until('stderr', /does not take this configuration \(it says: .*header.*\)/)
    expect(await served(url)).toBe('ada')
  })

  test('that imports a file which is not there is compiled when it comes', async () => {
    const { folder } = await developed()
    await edit(folder, '/** What the filter is configured with.', "import { greeting } from './greeting'\n\n/** What the filter is configured with.")
    await edit(folder, "'x-served-for', this.customer)", "'x-served-for', greeting + this.customer)")
    await using dev = new Command(['filter', 'dev'], folder.path)
    await dev.until('stderr', /greeting[\s\S]*waiting for a change/)
    await folder.replace('assembly/greeting.ts', "export const greeting = 'dear '\n")
    const [url] = await dev.until('stderr', /http:\/\/\S+/)
    expect(await served(url)).toBe('dear ada')
    await folder.replace('assembly/greeting.ts', "export const greeting = 'good old '\n")
    await dev.until('stderr', /swapped in/)
    expect(await served(url)).toBe('good old ada')
  })

  test('that does not compile at first waits for one that does', async () => {
    const { folder } = await developed()
    await edit(folder, 'return Action.Continue', 'return Action.Contnue')
    await using dev = new Command(['filter', 'dev'], folder.path)
    await dev.until('stderr', /waiting for a change/)
    await edit(folder, 'return Action.Contnue', 'return Action.Continue')
    const [url] = await dev.until('stderr', /http:\/\/\S+/)
    expect(await served(url)).toBe('ada')
  })
})

async function served(url: string): Promise<string | null> {
  const response = await fetch(url, { headers: { 'x-api-key': 'k1' } })
  if (response.status !== 200 || (await response.text()) !== 'from the app') throw new Error(`answered with ${response.status}`)
  return response.headers.get('x-served-for')
}

/** Clients that ask without a pause. */
class Load {
  readonly seen = new Set<string | null>()
  readonly failures: unknown[] = []
  readonly #url: string
  readonly #clients: Promise<void>[]
  #changed = Promise.withResolvers<void>()
  #isStopped = false

  constructor(url: string) {
    this.#url = url
    this.#clients = Array.from({ length: 8 }, () => this.#ask())
  }

  /** Resolves when an answer says this; rejects when one has failed. */
  async until(answer: string): Promise<void> {
    while (!this.seen.has(answer)) {
      if (this.failures.length > 0) throw new Error('a request was lost', { cause: this.failures[0] })
      await this.#changed.promise
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#clients)
  }

  async #ask(): Promise<void> {
    while (!this.#isStopped && this.failures.length === 0) {
      await served(this.#url).then((answer) => this.seen.add(answer), (error: unknown) => this.failures.push(error))
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    }
  }
}
