// The README keeps its word: its code runs as it stands, and its configuration file is a good one.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'

const root = path.join(import.meta.dirname, '..')
const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
const folder = path.join(root, '.cache', `readme-${process.pid}`)
const children: ChildProcess[] = []
let users: Server

beforeAll(async () => {
  mkdirSync(folder, { recursive: true })
  users = createServer((request, response) => response.end(`user ${request.url}`)).listen(0, '127.0.0.1')
  await once(users, 'listening')
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill()
})

afterAll(() => {
  users.close()
  rmSync(folder, { recursive: true, force: true })
})

function block(language: string): string {
  const [, code] = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(readme) ?? []
  if (code === undefined) throw new Error(`the README has no ${language}`)
  return code
}

async function start(file: string): Promise<string> {
  const child = spawn(process.execPath, ['--conditions=mw-source', file], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const [url] = /http:\S+/.exec(line) ?? []
    if (url !== undefined) return url
  }
  throw new Error('it ended without saying where it listens')
}

it('its twenty lines run: they proxy, filter and answer', async () => {
  const { port } = users.address() as AddressInfo
  const file = path.join(folder, 'readme.ts')
  writeFileSync(file, block('ts').replace('port: 8080', 'port: 0').replaceAll(/127\.0\.0\.1:900\d/g, `127.0.0.1:${port}`))
  const url = await start(file)
  expect(await (await fetch(`${url}/users/7`)).text()).toBe('user /users/7')
  expect((await fetch(`${url}/users/7`, { headers: { 'user-agent': 'a crawler' } })).status).toBe(403)
  expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ ok: true })
})

it('its configuration file passes the check', async () => {
  const file = path.join(folder, 'mesh.yaml')
  writeFileSync(file, block('yaml'))
  const command = path.join(root, 'cli', 'bin', 'meshwright.cjs')
  const { stdout } = await promisify(execFile)(process.execPath, [command, 'check', file, '--json'], { cwd: root })
  expect(JSON.parse(stdout)).toMatchObject({ ok: true })
})

it('the links lead somewhere', () => {
  const targets = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target = '']) => target)
  expect(targets.length).toBeGreaterThan(10)
  for (const target of targets) expect(() => readFileSync(path.join(root, target))).not.toThrow(/ENOENT/)
})
