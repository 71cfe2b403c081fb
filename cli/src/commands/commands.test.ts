// The commands: a few as processes of their own, the others in this one.
import { spawnSync } from 'node:child_process'
import { readFile, symlink } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { ask } from '../testing/ask.ts'
import { bin, Folder } from '../testing/child.ts'

const good = `listeners: [{ name: public, address: 127.0.0.1:0 }]
services:
  v1: { endpoints: [127.0.0.1:9001] }
  v2: { endpoints: [127.0.0.1:9002] }
routes:
  - to: v1
  - name: canary
    match: { path: { prefix: /api }, headers: { x-canary: "1" } }
    to: [{ service: v1, weight: 90 }, { service: v2, weight: 10 }]
  - match: [{ host: "*.shop.example", path: { regex: "/v[0-9]+" } }, { host: shop.example, path: /health, method: [GET, HEAD] }]
    reply: { status: 204 }
`

describe('check', () => {
  test('a good file is ok: exit code 0', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': good })
    expect(await folder.run('check', 'mesh.yaml')).toEqual({ code: 0, stdout: 'ok  mesh.yaml  1 listener, 3 routes, 2 services\n', stderr: '' })
  })

  test('the usual file of the directory is meant if none is named', async () => {
    await using folder = await Folder.create({ 'mesh.json': JSON.stringify({ listeners: [{ address: '127.0.0.1:0' }], routes: [{ reply: { status: 200 } }] }) })
    expect(await ask(folder, 'check')).toMatchObject({ code: 0, stdout: 'ok  mesh.json  1 listener, 1 route, 0 services\n' })
  })

  test('mistakes are printed with their lines, all at once: exit code 1', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': good.replace('- to: v1', '- too: v1').replace('v2, weight', 'v3, weight') })
    const { code, stdout, stderr } = await folder.run('check', 'mesh.yaml')
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(`mesh.yaml:4:3  warning: no route goes to the service "v2"  MW1502
    4 |   v2: { endpoints: [127.0.0.1:9002] }
      |   ^^
      at services › v2
mesh.yaml:6:5  unknown key "too" (did you mean "to"?)  MW1101
    6 |   - too: v1
      |     ^^^
      at routes › 1 › too
mesh.yaml:6:5  the route goes nowhere: it needs one of to, redirect and reply  MW1304
    6 |   - too: v1
      |     ^^^^^^^
      at routes › 1
mesh.yaml:9:50  there is no service "v3"  MW1301
    9 |     to: [{ service: v1, weight: 90 }, { service: v3, weight: 10 }]
      |                                                  ^^
      at routes › "canary" › to › 2 › service
      services defined: v1 and v2 (mesh.yaml:2:1)
3 errors, 1 warning
`)
  })

  test('--json prints the same for programs', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': good.replace('127.0.0.1:9002', 'nowhere') })
    const { code, stdout, stderr } = await ask(folder, 'check', 'mesh.yaml', '--json')
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      file: 'mesh.yaml',
      ok: false,
      errors: 1,
      warnings: 0,
      problems: [{ code: 'MW1308', level: 'error', line: 4, column: 21, endColumn: 28, pointer: '/services/v2/endpoints/0' }],
    })
  })

  test('warnings alone are no failure', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': good.replace('- to: v1', '- reply: { status: 200 }').replace('v1, weight', 'v2, weight') })
    const { code, stderr } = await folder.run('check', 'mesh.yaml')
    expect(code).toBe(0)
    expect(stderr).toContain('warning: no route goes to the service "v1"')
  })

  test('what only the core can judge has a position as well', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': good.replace('- to: v1', '- to: v1\n    requestHeaders: { set: { content-length: "5" } }') })
    const { code, stderr } = await ask(folder, 'check', 'mesh.yaml')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^mesh\.yaml:7:\d+ .*content-length.* MW1399$/m)
  })

  test('what only a plugin can judge has a position as well, all of it at once', async () => {
    const text = `listeners: [{ address: 127.0.0.1:0 }, { address: 127.0.0.1:0, name: db, tcp: one, limits: { headBytes: 8 } }]
services:
  one:
    endpoints: [127.0.0.1:9001]
    admission: [limits, { breaker: { openMs: 5000, maxOpenMs: 100 } }]
  two:
    discovery: { dns: { name: two.invalid, port: 80 } }
    balancer: { maglev: { key: [address], tableSize: 100 } }
routes:
  - to: [{ service: one }, { service: two }]
    filters:
      - rate-limit: { requests: 100000, windowMs: 1 }
`
    await using folder = await Folder.create({ 'mesh.yaml': text })
    const { code, stderr } = await ask(folder, 'check', 'mesh.yaml')
    expect(code).toBe(1)
    const found = stderr.split('\n').filter((line) => line.startsWith('mesh.yaml:'))
    expect(found).toEqual([
      'mesh.yaml:1:104  is about HTTP, and this listener carries TCP  MW1399',
      'mesh.yaml:5:63  maxOpenMs is from 5000 to 3600000, not 100  MW1399',
      'mesh.yaml:8:54  tableSize is a prime number from 2 to 5000011, not 100  MW1399',
      'mesh.yaml:12:33  requests are at most 1000 per millisecond, not 100000  MW1399',
    ])
  })

  test('each filter of a route that is refused is shown where it is', async () => {
    const text = `listeners: [{ address: 127.0.0.1:0 }]
routes:
  - reply: { status: 200 }
    filters:
      - wasm: { module: none.wasm }
      - deadline
      - wasm: { module: text.wasm }
      - wasm: { module: 'npm:none-such' }
`
    await using folder = await Folder.create({ 'mesh.yaml': text, 'text.wasm': 'nothing' })
    const { code, stderr } = await ask(folder, 'check', 'mesh.yaml')
    expect(code).toBe(1)
    const found = stderr.split('\n').filter((line) => line.startsWith('mesh.yaml:'))
    expect(found).toEqual([
      expect.stringMatching(/^mesh\.yaml:5:9 .*none\.wasm: there is no such file; relative paths begin at the working directory {2}MW1399$/),
      expect.stringMatching(/^mesh\.yaml:7:9 .*text\.wasm: this is no WebAssembly module {2}MW1399$/),
      expect.stringMatching(/^mesh\.yaml:8:9 .*the package "none-such" is not installed for .* {2}MW1399$/),
    ])
  })

  test('what identities and discoveries name is looked at, and their options are made sure of', async () => {
    const text = `listeners: [{ address: 127.0.0.1:0, identity: { tls: { cert: none.pem, key: none.key } } }]
services:
  a: { discovery: { file: { path: none.yaml } } }
  b: { discovery: { file: { path: there.json } }, tls: { identity: { tls: { ca: bad.pem } } } }
  c: { discovery: { dns: { name: nowhere.invalid, port: 80 } } }
routes: [{ to: [{ service: a }, { service: b }, { service: c }] }]
`
    await using folder = await Folder.create({ 'mesh.yaml': text, 'there.json': '{"endpoints":["127.0.0.1:1"]}', 'bad.pem': 'nothing' })
    const { code, stderr } = await folder.run('check', 'mesh.yaml')
    expect(code).toBe(1)
    const found = stderr.split('\n').filter((line) => line.startsWith('mesh.yaml:'))
    expect(found).toEqual([
      expect.stringMatching(/^mesh\.yaml:1:47 .*none\.pem.* MW1399$/),
      expect.stringMatching(/^mesh\.yaml:3:19 .*none\.yaml.* MW1505$/),
      expect.stringMatching(/^mesh\.yaml:4:68 .*bad\.pem.* MW1399$/),
    ])
  })

  test('a configuration in TypeScript is checked, its problems named by their path', async () => {
    const config = `import { defineConfig } from 'meshwright'\nexport default defineConfig({ listeners: [{ address: '127.0.0.1:0' }], routes: [{ to: 'users' as string }] })\n`
    await using folder = await Folder.create({ 'mesh.config.ts': config })
    await linkPackages(folder)
    const { code, stderr } = await folder.run('check', 'mesh.config.ts')
    expect(stderr).toBe('mesh.config.ts  there is no service "users"  MW1301\n      at routes › 1 › to\n1 error\n')
    expect(code).toBe(1)
  })

  test('answers may be given by value in a module, but not with workers', async () => {
    const config = (workers: number): string => `export default {
      workers: ${workers},
      listeners: [{ address: '127.0.0.1:0' }],
      services: { users: { endpoints: ['127.0.0.1:9001'], balancer: { pick: (endpoints) => endpoints[0] } } },
      routes: [{ to: 'users', filters: [{ name: 'hello', onRequestHeaders() {} }] }],
    }`
    await using folder = await Folder.create({ 'one.mjs': config(0), 'many.mjs': config(2) })
    expect(await folder.run('check', 'one.mjs')).toMatchObject({ code: 0 })
    const { code, stderr } = await folder.run('check', 'many.mjs')
    expect(code).toBe(1)
    expect(stderr).toContain('a balancer given by value cannot cross to the 2 worker threads: use its name  MW1204')
    expect(stderr).toContain('a filter given by value cannot cross to the 2 worker threads: use its name  MW1204')
  })

  test('a plugin of the file provides names, with its schema', async () => {
    const plugin = `import { definePlugin } from '@meshwright/core'
      export default definePlugin({ name: 'first', mesh: '^0.1.0' }, (mesh) => {
        const schema = { type: 'object', properties: { from: { type: 'integer' } }, additionalProperties: false }
        mesh.provide('balancer', 'first', () => ({ pick: (endpoints) => endpoints[0] }), schema)
      })`
    const file = good.replace('v1: {', 'v1: { balancer: { first: { form: 1 } },')
    await using folder = await Folder.create({ 'first.mjs': plugin, 'mesh.yaml': `${file}plugins: [./first.mjs]\n`, 'without.yaml': `${file}plugins: [./frist.mjs]\n` })
    await linkPackages(folder)
    expect((await folder.run('check')).stderr).toContain('mesh.yaml:3:30  unknown key "form" (did you mean "from"?)  MW1101')
    expect((await folder.run('check', 'without.yaml')).stderr).toMatch(/^without\.yaml:12:11 {2}the plugin "\.\/frist\.mjs" cannot be loaded: it is not installed {2}MW1202\n.*\n.*\n.*\n1 error$/m)
  })
})

describe('a default plugin that the file names', () => {
  const named = (options: string): string => `${good.replace('v1: { endpoints: [127.0.0.1:9001] }', 'v1: { discovery: registry }')}plugins: [{ name: "@meshwright/registry", options: ${options} }]\n`

  test('is the same plugin with options', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': named('{ maxInstances: 5 }') })
    expect(await ask(folder, 'check')).toMatchObject({ code: 0 })
  })

  test('has its options checked', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': named('{ maxInstances: 0 }') })
    expect(await ask(folder, 'check')).toMatchObject({ code: 1, stderr: expect.stringContaining('maxInstances') as string })
  })
})

describe('routes', () => {
  test('they are listed most specific first', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': good })
    expect((await ask(folder, 'routes')).stdout).toBe(`HOST            PATH        METHOD    CONDITIONS    TO              NAME
shop.example    = /health   GET,HEAD                reply 204
*.shop.example  ~ /v[0-9]+  *                       reply 204
*               /api/*      *         x-canary = 1  v1 ×90, v2 ×10  canary
*               /*          *                       v1
`)
  })

  test('--json lists them for programs', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': good })
    const { stdout } = await ask(folder, 'routes', '--json')
    expect((JSON.parse(stdout) as { path: string }[]).map(({ path }) => path)).toEqual(['= /health', '~ /v[0-9]+', '/api/*', '/*'])
  })

  test('a bad file has no list: exit code 1', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': 'routes: 5' })
    expect(await ask(folder, 'routes')).toMatchObject({ code: 1, stdout: '' })
  })
})

describe('init', () => {
  test('what it writes passes check', async () => {
    await using folder = await Folder.create()
    expect(await ask(folder, 'init')).toMatchObject({ code: 0, stderr: '' })
    expect(await readFile(folder.file('mesh.yaml'), 'utf8')).toMatch(/^# yaml-language-server: \$schema=\.\/node_modules\/meshwright\/schema\/mesh\.schema\.json\n/)
    expect(await ask(folder, 'check')).toEqual({ code: 0, stdout: 'ok  mesh.yaml  1 listener, 2 routes, 1 service\n', stderr: '' })
  })

  test('a file that is there is kept unless --force is given', async () => {
    await using folder = await Folder.create({ 'mesh.yaml': 'mine' })
    expect(await ask(folder, 'init')).toEqual({ code: 1, stdout: '', stderr: 'meshwright: mesh.yaml exists already; --force overwrites it\n' })
    expect(await readFile(folder.file('mesh.yaml'), 'utf8')).toBe('mine')
    expect(await ask(folder, 'init', '--force')).toMatchObject({ code: 0 })
    expect(await readFile(folder.file('mesh.yaml'), 'utf8')).not.toBe('mine')
  })
})

describe('schema', () => {
  test('it prints the schema that the package ships', async () => {
    await using folder = await Folder.create()
    const { code, stdout } = await ask(folder, 'schema')
    expect(code).toBe(0)
    expect(stdout).toBe(await readFile(new URL('../../schema/mesh.schema.json', import.meta.url), 'utf8'))
  })
})

describe('help and usage', () => {
  test.each(['run', 'check', 'routes', 'init', 'proxy', 'schema'])('%s --help begins with examples', async (command) => {
    await using folder = await Folder.create()
    const { code, stdout } = await ask(folder, command, '--help')
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(`^Examples:\n  meshwright ${command}`))
  })

  test('a mistyped command gets a suggestion: exit code 2', async () => {
    await using folder = await Folder.create()
    expect(await folder.run('chekc')).toEqual({ code: 2, stdout: '', stderr: "error: unknown command 'chekc'\n(Did you mean check?)\n" })
  })

  test.each([[['check', '--jsn']], [['proxy', '8080']], [['check']], [['proxy', '8080', 'https://localhost']], [['proxy', '8080', 'ftp://x']], [['proxy', 'nonsense', '3000']]])(
    '%j is used wrongly: exit code 2',
    async (args) => {
      await using folder = await Folder.create()
      const { code, stdout, stderr } = await ask(folder, ...args)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).not.toBe('')
    },
  )
})

describe('the door', () => {
  test('an older Node gets one clear line: exit code 1', async () => {
    const older = `Object.defineProperty(process, 'version', { value: 'v24.14.9' })
      Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '24.14.9' } })`
    await using folder = await Folder.create({ 'older.cjs': older })
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', './older.cjs', bin, 'check'], { cwd: folder.path, encoding: 'utf8' })
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: `Meshwright needs Node.js 24.15 or newer; this is v24.14.9 (${process.execPath}).\n` })
  })
})

async function linkPackages(folder: Folder): Promise<void> {
  await symlink(new URL('../../../node_modules', import.meta.url), folder.file('node_modules'))
}
