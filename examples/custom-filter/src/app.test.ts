// The README's commands, one after the other: build, test, run.
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { folder, meshwright } from './command.ts'
import { startShop } from './shop.ts'

const slowMs = 120_000

async function run(...args: string[]): Promise<string> {
  const child = meshwright(args, ['ignore', 'pipe', 'pipe'])
  const [out, said, [code]] = await Promise.all([text(child.stdout as Readable), text(child.stderr as Readable), once(child, 'close')])
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${String(code)}:\n${out}\n${said}`)
  return out
}

/** Where the mesh listens. */
async function served(file: string): Promise<string> {
  const mesh = meshwright(['run', file], ['ignore', 'ignore', 'pipe'])
  onTestFinished(async () => {
    mesh.kill()
    if (mesh.exitCode === null) await once(mesh, 'exit')
  })
  const lines: string[] = []
  for await (const line of createInterface({ input: mesh.stderr as Readable })) {
    lines.push(line)
    const [url] = /http:\/\/\S+/.exec(line) ?? []
    if (url !== undefined) return url
  }
  throw new Error(`it ended without saying where it listens:\n${lines.join('\n')}`)
}

test('it is built and tested, and serves members only', { timeout: slowMs }, async () => {
  expect(await run('filter', 'test', '--', '--test-reporter=tap')).toMatch(/\n# pass 6\n# fail 0\n/)
  expect(await run('filter', 'build')).toMatch(/^build\/members\.wasm {2}/)

  const shop = await startShop({ shop: 0, members: 0 })
  onTestFinished(() => shop.close())
  const temporary = mkdtempSync(path.join(tmpdir(), 'meshwright-custom-filter-'))
  onTestFinished(() => rmSync(temporary, { recursive: true }))
  const file = path.join(temporary, 'mesh.yaml')
  writeFileSync(file, readFileSync(path.join(folder, 'mesh.yaml'), 'utf8').replace(':8092', ':0').replace(':9092', `:${shop.shopPort}`).replace(':9093', `:${shop.membersPort}`))
  const url = await served(file)

  const ask = async (target: string, cookie = ''): Promise<string> => {
    const response = await fetch(new URL(target, url), { headers: { cookie, 'x-member': 'root' } })
    return `${response.status} ${await response.text()}`
  }
  expect(await ask('/')).toBe('200 welcome to the shop\n')
  expect(await ask('/offers')).toBe('401 this is for members\n')
  expect(await ask('/offers', 'card=c9')).toBe('401 this is for members\n')
  expect(await ask('/offers', 'card=c7')).toBe('200 the offers of today, for ada\n')
  expect(await ask('/offers', 'card=c8')).toBe('200 the offers of today, for grace\n')
})
