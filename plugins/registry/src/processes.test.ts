// Real processes: services that register themselves, a registry that is killed, a mesh elsewhere that reads it, and traffic all the while.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { askApi, eventually, startRun, token } from './run.test.kit.ts'

interface Started {
  readonly child: ChildProcess
  /** What it has said when it was up. */
  readonly said: Record<string, string>
  /** Code and signal. */
  readonly ended: Promise<unknown[]>
}

async function start(kit: string, argument: object): Promise<Started> {
  const file = path.join(import.meta.dirname, kit)
  const child = spawn(process.execPath, ['--conditions=mw-source', file, JSON.stringify(argument)], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, MESHWRIGHT_REGISTRY_TOKEN: token } })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, said: JSON.parse(line) as Record<string, string>, ended }
}

async function startRegistry(file: string, adminPort = 0): Promise<Started> {
  return start('registry-process.test.kit.ts', { file, token, adminPort })
}

async function startService(registry: Started, name: string, ttlMs = 60_000): Promise<Started> {
  return start('service-process.test.kit.ts', { registry: registry.said['adminUrl'], name, ttlMs })
}

function newFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'registry-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return path.join(folder, 'registry.db')
}

/** Kills a process as nothing else does, and waits until it is gone. */
async function kill({ child, ended }: Started): Promise<void> {
  child.kill('SIGKILL')
  await ended
}

interface Traffic {
  readonly failures: string[]
  /** Resolves when the next so many answers have come from exactly these. */
  from(...names: string[]): Promise<void>
}

/** Asks without a pause, over connections that are kept, until the test ends. */
function traffic(url: string): Traffic {
  const failures: string[] = []
  const end = new AbortController()
  const agent = new Agent({ keepAlive: true })
  let recent: string[] = []
  const asking = (async () => {
    while (!end.signal.aborted) {
      const [status, text] = await ask(url, agent)
      if (status === 200) recent.push(text)
      else failures.push(`${status} ${text}`)
    }
  })()
  onTestFinished(async () => {
    end.abort()
    await asking
    agent.destroy()
  })
  const from = async (...names: string[]): Promise<void> => {
    await eventually(async () => {
      recent = []
      await eventually(() => expect(recent.length).toBeGreaterThan(50))
      expect([...new Set(recent)].sort()).toEqual(names.toSorted())
    })
  }
  return { failures, from }
}

async function ask(url: string, agent: Agent): Promise<[number, string]> {
  return new Promise((resolve) => {
    const asking = get(url, { agent }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => (text += part))
      response.on('end', () => resolve([response.statusCode ?? 0, text]))
      response.on('error', (error) => resolve([0, error.message]))
    })
    asking.on('error', (error) => resolve([0, error.message]))
  })
}

/** A mesh in this process that reads the registry of the other by its URL. */
async function meshElsewhere(registry: Started): Promise<string> {
  const run = await startRun({ services: { catalog: { discovery: { registry: { url: registry.said['adminUrl'] } } } } })
  return run.url
}

async function idsIn(registry: Started): Promise<string[]> {
  const { json } = await askApi(registry.said['adminUrl'] ?? '', '/instances')
  return (json['instances'] as { id: string }[]).map(({ id }) => id)
}

describe('a service', { timeout: 180_000 }, () => {
  test('registers itself, gets traffic here and elsewhere, and at SIGTERM leaves without a failed request', async () => {
    const registry = await startRegistry(newFile())
    const one = await startService(registry, 'one')
    const here = traffic(registry.said['url'] ?? '')
    const elsewhere = traffic(await meshElsewhere(registry))
    await Promise.all([here.from('one'), elsewhere.from('one')])
    here.failures.length = 0
    const two = await startService(registry, 'two')
    await Promise.all([here.from('one', 'two'), elsewhere.from('one', 'two')])
    one.child.kill('SIGTERM')
    expect(await one.ended).toEqual([null, 'SIGTERM'])
    await Promise.all([here.from('two'), elsewhere.from('two')])
    expect(await idsIn(registry)).toEqual([two.said['id']])
    expect([...here.failures, ...elsewhere.failures]).toEqual([])
  })

  test('that is killed is taken out by its TTL', async () => {
    const registry = await startRegistry(newFile())
    const one = await startService(registry, 'one', 1000)
    const two = await startService(registry, 'two', 1000)
    const elsewhere = traffic(await meshElsewhere(registry))
    await elsewhere.from('one', 'two')
    await kill(one)
    await eventually(async () => expect(await idsIn(registry)).toEqual([two.said['id']]))
    await elsewhere.from('two')
  })
})

describe('a registry', { timeout: 180_000 }, () => {
  test('that is killed and started again has lost nothing, and nobody elsewhere notices', async () => {
    const file = newFile()
    const first = await startRegistry(file)
    const one = await startService(first, 'one')
    const two = await startService(first, 'two')
    const elsewhere = traffic(await meshElsewhere(first))
    await elsewhere.from('one', 'two')
    await kill(first)
    await elsewhere.from('one', 'two')
    const second = await startRegistry(file, Number(new URL(first.said['adminUrl'] ?? '').port))
    // Their heartbeats are twenty seconds apart: it knows them by itself.
    expect(new Set(await idsIn(second))).toEqual(new Set([one.said['id'], two.said['id']]))
    const here = traffic(second.said['url'] ?? '')
    await here.from('one', 'two')
    await startService(second, 'three')
    await Promise.all([here.from('one', 'two', 'three'), elsewhere.from('one', 'two', 'three')])
    two.child.kill('SIGTERM')
    await two.ended
    await Promise.all([here.from('one', 'three'), elsewhere.from('one', 'three')])
    expect([...here.failures, ...elsewhere.failures]).toEqual([])
  })

  test('that has forgotten everything takes nobody away, and is told again by the services', async () => {
    const first = await startRegistry(':memory:')
    await startService(first, 'one', 1000)
    await startService(first, 'two')
    const elsewhere = traffic(await meshElsewhere(first))
    await elsewhere.from('one', 'two')
    await kill(first)
    const second = await startRegistry(':memory:', Number(new URL(first.said['adminUrl'] ?? '').port))
    await eventually(async () => expect(await idsIn(second)).toHaveLength(1))
    await elsewhere.from('one', 'two')
    expect(elsewhere.failures).toEqual([])
  })

  test('that is stopped for longer than every TTL and goes on takes nobody away', async () => {
    const registry = await startRegistry(newFile())
    await startService(registry, 'one', 2000)
    const elsewhere = traffic(await meshElsewhere(registry))
    await elsewhere.from('one')
    registry.child.kill('SIGSTOP')
    // The time of another process cannot be faked.
    await new Promise((resolve) => setTimeout(resolve, 4000))
    registry.child.kill('SIGCONT')
    await elsewhere.from('one')
    expect(await idsIn(registry)).toHaveLength(1)
    expect(elsewhere.failures).toEqual([])
  })
})
