// A plugin from its first minute on: written by the command, tested and built as it stands, packed, installed by somebody else, and asked by a request.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { build } from '../kit/build.ts'
import { copyDependencies, npm, pack, root, workspacesOfCommand } from './packages.ts'

const run = promisify(execFile)
const slowMs = 180_000
const command = path.join(root, 'cli', 'bin', 'meshwright.cjs')
const kinds = ['filter', 'balancer', 'discovery', 'health', 'outlier', 'admission', 'retry', 'identity']
const workspaces = workspacesOfCommand()

/** Inside the repository, where Node and the compiler find the core. */
const inside = path.join(root, '.cache', `plugin-new-${process.pid}`)

beforeAll(async () => {
  mkdirSync(inside, { recursive: true })
  await build([...workspaces.values()])
  for (const kind of kinds) await written(kind, 'my-own')
}, slowMs)

afterAll(() => rmSync(inside, { recursive: true, force: true }))

/** As in a user's shell: nothing of the options that our own tests run with. */
async function node(args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, NODE_OPTIONS: '' }
  for (const name of ['VITEST', 'NODE_TEST_CONTEXT', 'FORCE_COLOR']) Reflect.deleteProperty(env, name)
  const { stdout } = await run(process.execPath, [...args], { cwd, env, timeout: slowMs })
  return stdout
}

async function written(kind: string, name: string): Promise<string> {
  await node([command, 'plugin', 'new', kind, name], inside)
  return folderOf(kind, name)
}

function folderOf(kind: string, name = 'my-own'): string {
  return path.join(inside, `meshwright-${kind}-${name}`)
}

describe.each(kinds)('a new plugin of the kind %s', (kind) => {
  test('keeps all promises of its kind, as it stands', { timeout: slowMs }, async () => {
    const { scripts } = JSON.parse(readFileSync(path.join(folderOf(kind), 'package.json'), 'utf8')) as { scripts: { test: string } }
    expect(scripts.test).toBe('node --test "src/**/*.test.ts"')
    const output = await node(['--test', '--test-reporter=tap', 'src/**/*.test.ts'], folderOf(kind))
    expect(output).toContain(`${kind}/1 `)
    expect(output).toMatch(/\n# pass [1-9]\d+\n# fail 0\n/)
  })

  test('has nothing left of the template', () => {
    for (const file of ['README.md', 'mesh.yaml', 'package.json', 'src/index.ts', 'src/my-own.ts', 'src/my-own.test.ts']) expect(readFileSync(path.join(folderOf(kind), file), 'utf8')).not.toMatch(/__\w+?__/)
  })
})

test('new plugins of all kinds have types', { timeout: slowMs }, async () => {
  const { compilerOptions } = JSON.parse(readFileSync(path.join(folderOf('filter'), 'tsconfig.json'), 'utf8')) as { compilerOptions: object }
  writeFileSync(path.join(inside, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...compilerOptions, rootDir: '.', noEmit: true }, include: ['*/src'] }))
  await expect(run(path.join(root, 'node_modules', '.bin', 'tsc'), ['-p', inside], { cwd: inside })).resolves.toMatchObject({ stdout: '' })
})

test('new plugins of all kinds are known by their names in their mesh.yaml', { timeout: slowMs }, async () => {
  const code = `
    const { loadConfig } = await import('meshwright')
    for (const file of process.argv.slice(1)) console.log(JSON.stringify((await loadConfig(file)).problems))
  `
  const files = kinds.map((kind) => path.join(folderOf(kind), 'mesh.yaml'))
  expect(await node(['--input-type=module', '--eval', code, ...files], inside)).toBe('[]\n'.repeat(kinds.length))
})

test('a packed plugin is installed beside the packed command, and its filter answers a request', { timeout: slowMs }, async () => {
  const tarballs = temporary('tarballs')
  const plugin = await written('filter', 'seen')
  const packed = new Map([...(await pack([...workspaces.values()].map((one) => `./${one}`), root, tarballs)), ...(await pack(['.'], plugin, tarballs))])
  expect([...packed.keys()]).toEqual(expect.arrayContaining(['meshwright', '@meshwright/core', 'meshwright-filter-seen']))

  const tarball = readFileSync(packed.get('meshwright-filter-seen') as string)
  expect(await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true })).toMatchObject({ messages: [] })

  const shop = temporary('shop')
  copyDependencies(workspaces.values(), shop)
  writeFileSync(path.join(shop, 'package.json'), JSON.stringify({ private: true, dependencies: Object.fromEntries([...packed].map(([name, tarball]) => [name, `file:${tarball}`])) }))
  await npm(['install', '--offline', '--no-audit', '--no-fund', '--loglevel=error'], shop)

  const users = createServer((_request, response) => response.end('from the endpoint')).listen(0, '127.0.0.1')
  await once(users, 'listening')
  onTestFinished(() => void users.close())
  writeFileSync(path.join(shop, 'mesh.yaml'), meshOf((users.address() as AddressInfo).port))
  const response = await fetch(await started(shop))
  expect(await response.text()).toBe('from the endpoint')
  expect(response.headers.get('x-seen')).toBe('by a stranger')
})

function temporary(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `meshwright-${name}-`))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function meshOf(port: number): string {
  return `
plugins: [meshwright-filter-seen]
listeners: [{ address: 127.0.0.1:0 }]
services: { users: { endpoints: [127.0.0.1:${port}] } }
routes: [{ to: users, filters: [{ seen: { header: x-seen, value: by a stranger } }] }]
admin: false
`
}

/** Runs the mesh of a folder as its users do; answers where it listens. */
async function started(folder: string): Promise<string> {
  const child = spawn(process.execPath, ['node_modules/meshwright/bin/meshwright.cjs', 'run'], { cwd: folder, env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: undefined }, stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(async () => {
    child.kill()
    if (child.exitCode === null) await once(child, 'exit')
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line)
    const [url] = /http:\/\/\S+/.exec(line) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`it ended without saying where it listens:\n${lines.join('\n')}`)
}
