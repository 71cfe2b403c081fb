// The README's commands, one after the other: build, test, run.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'

const run = promisify(execFile)
const folder = path.join(import.meta.dirname, '..')
const slowMs = 120_000
const commands = ['clang', 'wasm-ld']
/** In continuous integration they have to be there. */
const isMissing = process.env['CI'] !== 'true' && !(commands.every(isInstalled) && existsSync('/usr/include/wasm32-wasi/stdio.h'))

function isInstalled(command: string): boolean {
  return (process.env['PATH'] ?? '').split(path.delimiter).some((directory) => existsSync(path.join(directory, command)))
}

/** As in a user's shell: nothing of the options that our own tests run with. */
function userEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env, NODE_OPTIONS: '' }
  for (const name of ['VITEST', 'NODE_TEST_CONTEXT', 'FORCE_COLOR']) Reflect.deleteProperty(env, name)
  return env
}

test.skipIf(isMissing)('it is built and tested, and turns crawlers away (skipped without clang, lld and wasi-libc)', { timeout: slowMs }, async () => {
  const { scripts } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  await run('sh', ['-c', `mkdir -p build && ${scripts['build'] ?? ''}`], { cwd: folder })
  const tests = await run(process.execPath, ['--conditions=mw-source', '--test', '--test-reporter=tap', 'test/*.test.mts'], { cwd: folder, env: userEnvironment() })
  expect(tests.stdout).toMatch(/\n# pass 5\n# fail 0\n/)

  const site = createServer((_request, response) => response.end('hello\n')).listen(0, '127.0.0.1')
  await once(site, 'listening')
  onTestFinished(() => void site.close())
  const url = await served((site.address() as AddressInfo).port)
  const person = await fetch(url, { headers: { 'user-agent': 'Mozilla/5.0' } })
  expect([person.status, person.headers.get('x-robots-tag'), await person.text()]).toEqual([200, 'noindex', 'hello\n'])
  const crawler = await fetch(url, { headers: { 'user-agent': 'CuriousCat/2' } })
  expect([crawler.status, await crawler.text()]).toEqual([403, 'people only\n'])
})

async function served(sitePort: number): Promise<string> {
  const temporary = mkdtempSync(path.join(tmpdir(), 'meshwright-c-filter-'))
  onTestFinished(() => rmSync(temporary, { recursive: true }))
  const file = path.join(temporary, 'mesh.yaml')
  writeFileSync(file, readFileSync(path.join(folder, 'mesh.yaml'), 'utf8').replace(':8094', ':0').replace(':9094', `:${sitePort}`))
  const command = path.join(path.dirname(createRequire(import.meta.url).resolve('meshwright/package.json')), 'bin', 'meshwright.cjs')
  const mesh = spawn(process.execPath, [command, 'run', file], { cwd: folder, env: userEnvironment(), stdio: ['ignore', 'ignore', 'pipe'] })
  onTestFinished(async () => {
    mesh.kill()
    if (mesh.exitCode === null) await once(mesh, 'exit')
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: mesh.stderr })) {
    lines.push(line)
    const [found] = /http:\/\/\S+/.exec(line) ?? []
    if (found !== undefined) return found
  }
  throw new Error(`it ended without saying where it listens:\n${lines.join('\n')}`)
}
