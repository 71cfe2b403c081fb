// Every package as its users get it: built, packed, checked by publint and arethetypeswrong, and installed from its tarball.
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build } from './kit/build.ts'

const run = promisify(execFile)
const root = path.join(import.meta.dirname, '..')
const published = ['core', 'cli', ...globSync(['plugins/*', 'filters/*'], { cwd: root }).toSorted()].filter(isPublished)
const inCi = process.env['CI'] === 'true'
const slowMs = 180_000
/** Who resolves packages in ways that ours, which are ES modules only, do not support. */
const others: ReadonlySet<string> = new Set(['node10', 'node16-cjs'])
const file = `
listeners: [{ address: 127.0.0.1:8080 }]
services: { users: { endpoints: [127.0.0.1:9001], balancer: least-request } }
routes: [{ to: users }]
filters: [access-log]
`

interface Packed {
  readonly name: string
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

let tarballs: string
const packed = new Map<string, Packed>()

beforeAll(async () => {
  tarballs = mkdtempSync(path.join(tmpdir(), 'meshwright-packages-'))
  await build(published)
  const { stdout } = await run('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', tarballs, ...published.map((folder) => `./${folder}`)], {
    cwd: root,
    maxBuffer: 64 << 20,
  })
  for (const one of packedIn(stdout)) packed.set(one.name, one)
}, slowMs)

afterAll(() => rmSync(tarballs, { recursive: true, force: true }))

describe.each(published)('%s', (folder) => {
  const manifest = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as { name: string }

  it('carries sources, what was built of them, a README and the licence, and nothing that only we need', () => {
    const files = filesOf(manifest.name)
    expect(files).toEqual(expect.arrayContaining(['package.json', 'LICENSE', 'README.md', 'src/index.ts', 'dist/index.js', 'dist/index.d.ts']))
    expect(files.filter((file) => /\.(test|bench)\.|\.tsbuildinfo$|tsconfig/.test(file))).toEqual([])
    if (folder.startsWith('filters/')) expect(files).toContain('assembly/index.ts')
  })

  it('has no sentence for publint to say', async () => {
    const tarball = readFileSync(tarballOf(manifest.name))
    const { messages } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true })
    expect(messages).toEqual([])
  })

  it('resolves with types for every user of ES modules', async () => {
    // In this process, where the compiler that it brings is loaded once. A WASM module has no types.
    const excludeEntrypoints = folder.startsWith('filters/') ? ['./filter.wasm'] : []
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarballOf(manifest.name)))), { excludeEntrypoints })
    expect(analysis.types).toBeTruthy()
    expect('problems' in analysis ? analysis.problems.filter((one) => !('resolutionKind' in one && others.has(one.resolutionKind))) : undefined).toEqual([])
  }, slowMs)
})

it('all packages install into an empty folder, where the core is imported, the command runs and knows its plugins', { timeout: slowMs }, async (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshwright-install-'))
  try {
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
    const names = [...packed.keys()].map(tarballOf)
    const installed = await attempt('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...names], folder)
    context.skip(installed.failed && !inCi && /ENOTFOUND|EAI_AGAIN|ECONNREFUSED/.test(installed.output), 'no package registry is reachable')
    expect(installed).toMatchObject({ failed: false })
    const imported = await attempt(process.execPath, ['--input-type=module', '-e', `import { createMesh } from '@meshwright/core'; console.log(typeof createMesh)`], folder)
    expect(imported).toEqual({ failed: false, output: 'function\n' })
    const help = await attempt(process.execPath, [path.join(folder, 'node_modules/meshwright/bin/meshwright.cjs'), '--help'], folder)
    expect(help).toMatchObject({ failed: false, output: expect.stringContaining('meshwright run') })
    writeFileSync(path.join(folder, 'mesh.yaml'), file)
    const check = await attempt(process.execPath, [path.join(folder, 'node_modules/meshwright/bin/meshwright.cjs'), 'check', 'mesh.yaml'], folder)
    expect(check).toMatchObject({ failed: false, output: expect.stringContaining('1 listener, 1 route, 1 service') })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

it('the type check covers every package', () => {
  const { references } = JSON.parse(readFileSync(path.join(root, 'tsconfig.json'), 'utf8')) as { references: { path: string }[] }
  const manifests = globSync(['core', 'cli', 'plugins/*', 'filters/*', 'examples/*', 'test', 'test/bench'].map((folder) => `${folder}/package.json`), { cwd: root })
  expect(references.map((one) => one.path).toSorted()).toEqual(manifests.map((file) => path.dirname(file)).toSorted())
})

it('the lock file names no registry', () => {
  const lock = readFileSync(path.join(root, 'package-lock.json'), 'utf8')
  expect(lock).not.toMatch(/"resolved": "https?:/)
})

/** A package that is for us alone says so. */
function isPublished(folder: string): boolean {
  const file = path.join(root, folder, 'package.json')
  return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { private?: boolean }).private !== true
}

/** npm before 12 prints a list, npm from 12 on an object by name. */
function packedIn(json: string): Packed[] {
  const parsed = JSON.parse(json) as Packed[] | Record<string, Packed>
  return Array.isArray(parsed) ? parsed : Object.values(parsed)
}

function filesOf(name: string): string[] {
  return (packed.get(name)?.files ?? []).map((file) => file.path)
}

function tarballOf(name: string): string {
  const one = packed.get(name)
  if (one === undefined) throw new Error(`${name} was not packed`)
  return path.join(tarballs, one.filename)
}

/** Node's options of the tests (the source condition) are not those of a user. What is installed in passing is not kept compiled. */
async function attempt(file: string, args: readonly string[], cwd: string): Promise<{ failed: boolean; output: string }> {
  try {
    const { stdout } = await run(file, args, { cwd, env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: undefined }, maxBuffer: 64 << 20 })
    return { failed: false, output: stdout }
  } catch (error) {
    const { stdout = '', stderr = String(error) } = error as { stdout?: string; stderr?: string }
    return { failed: true, output: stdout + stderr }
  }
}
