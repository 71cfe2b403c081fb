// What a registration does towards a registry that is played by the test, and in processes that end.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { register, type Registration, type RegisterOptions } from './register.ts'

interface Heard {
  readonly line: string
  readonly headers: IncomingMessage['headers']
  readonly body: Record<string, unknown>
}

interface Answer {
  readonly status: number
  readonly body?: string | object
}

/** A registry that answers as the test says; by default it takes everything. */
class PlayedRegistry {
  readonly heard: Heard[] = []
  /** Undefined: as a registry should; null: not at all. */
  play: (heard: Heard) => Answer | null | undefined = () => undefined
  server: Server | undefined
  port = 0
  #leases = 0

  async open(): Promise<this> {
    const server = createServer((request, response) => {
      let text = ''
      request.on('data', (part: Buffer) => (text += part.toString()))
      request.on('end', () => {
        const heard = { line: `${request.method} ${request.url}`, headers: request.headers, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> }
        this.heard.push(heard)
        const answer = this.play(heard)
        if (answer === null) return
        const { status, body = '' } = answer ?? this.#answer(heard)
        response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
      })
    })
    this.server = server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.port = (server.address() as AddressInfo).port
    onTestFinished(() => this.close())
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get lines(): string[] {
    return this.heard.map(({ line }) => line)
  }

  close(): void {
    this.server?.closeAllConnections()
    this.server?.close()
  }

  #answer({ line, body }: Heard): Answer {
    if (line !== 'POST /v1/registry/instances') return { status: 204 }
    return { status: 201, body: { id: body['id'] ?? body['address'], lease: `lease-${++this.#leases}` } }
  }
}

/** A registration with short times; closed with the test. */
async function registered(registry: PlayedRegistry, more: Partial<RegisterOptions> = {}): Promise<Registration & { told: string[] }> {
  const told: string[] = []
  const options = { registry: registry.url, service: 'catalog', port: 8080, ttlMs: 1000, drainMs: 0, waitMs: 0, signals: false, log: (message: string) => void told.push(message), ...more } as const
  const registration = await register(options)
  onTestFinished(async () => registration.close())
  return Object.assign(registration, { told })
}

async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(check, { timeout: 30_000, interval: 5 })
}

const beat = 'POST /v1/registry/instances/catalog/127.0.0.1%3A8080/heartbeat?lease=lease-1'

describe('a registration', () => {
  test('says what the instance is, finds its address, keeps its heartbeat and takes it out', async () => {
    const registry = await new PlayedRegistry().open()
    const one = await registered(registry, { version: '2', zone: 'b', weight: 3, priority: 1, metadata: { a: 'b' }, token: 'hush' })
    expect(registry.heard[0]).toMatchObject({
      line: 'POST /v1/registry/instances',
      headers: { authorization: 'Bearer hush' },
      body: { service: 'catalog', address: '127.0.0.1:8080', version: '2', zone: 'b', weight: 3, priority: 1, metadata: { a: 'b' }, ttlMs: 1000 },
    })
    expect(one).toMatchObject({ isRegistered: true, id: '127.0.0.1:8080' })
    await eventually(() => expect(registry.lines.slice(1, 3)).toEqual([beat, beat]))
    await one.close()
    expect(registry.lines.at(-1)).toBe('DELETE /v1/registry/instances/catalog/127.0.0.1%3A8080?lease=lease-1')
    expect(one.isRegistered).toBe(false)
    expect(one.told).toEqual([])
  })

  test('takes a host, an id and a token from the environment', async () => {
    vi.stubEnv('MESHWRIGHT_REGISTRY_TOKEN', 'from outside')
    onTestFinished(() => void vi.unstubAllEnvs())
    const registry = await new PlayedRegistry().open()
    const one = await registered(registry, { host: 'fd00::1', id: 'catalog 1/a' })
    expect(registry.heard[0]).toMatchObject({ headers: { authorization: 'Bearer from outside' }, body: { address: '[fd00::1]:8080', id: 'catalog 1/a' } })
    await one.close()
    expect(registry.lines.at(-1)).toBe('DELETE /v1/registry/instances/catalog/catalog%201%2Fa?lease=lease-1')
  })

  test('the path of the registry may have a prefix', async () => {
    const registry = await new PlayedRegistry().open()
    registry.play = ({ line }) => (line === 'POST /mesh/v1/registry/instances' ? { status: 201, body: { id: 'a', lease: 'b' } } : undefined)
    expect((await registered(registry, { registry: `${registry.url}/mesh` })).isRegistered).toBe(true)
  })

  test('registers again when the registry has forgotten it', async () => {
    const registry = await new PlayedRegistry().open()
    await registered(registry)
    registry.play = ({ line }) => (line === beat ? { status: 404 } : undefined)
    await eventually(() => expect(registry.lines.slice(0, 3)).toEqual(['POST /v1/registry/instances', beat, 'POST /v1/registry/instances']))
    await eventually(() => expect(registry.lines.at(-1)).toBe(beat.replace('lease-1', 'lease-2')))
  })

  test('survives a registry that goes away and comes back, and tells both once', async () => {
    const registry = await new PlayedRegistry().open()
    const one = await registered(registry)
    registry.close()
    await eventually(() => expect(one).toMatchObject({ isRegistered: false, told: [expect.stringContaining('cannot be used to keep')] }))
    await registry.open()
    await eventually(() => expect(one).toMatchObject({ isRegistered: true, told: [expect.any(String), 'the service "catalog" is registered'] }))
  })

  test('waits for a registry that is not there yet', async () => {
    const registry = await new PlayedRegistry().open()
    registry.close()
    const registering = registered(registry, { waitMs: 15_000 })
    await registry.open()
    expect((await registering).isRegistered).toBe(true)
  })

  test('goes on without the registry after its patience, and registers later', async () => {
    const registry = await new PlayedRegistry().open()
    registry.play = () => ({ status: 503, body: { title: 'Later' } })
    const one = await registered(registry, { waitMs: 1 })
    expect(one).toMatchObject({ isRegistered: false, told: [expect.stringContaining('status 503, Later')] })
    registry.play = () => undefined
    await eventually(() => expect(one.isRegistered).toBe(true))
  })

  test('a refusal is told with its reason, and does not hold the program up', async () => {
    const registry = await new PlayedRegistry().open()
    registry.play = () => ({ status: 401, body: { title: 'Unauthorized', detail: 'the token is wrong' } })
    const one = await registered(registry, { waitMs: 60_000 })
    expect(one.told).toEqual([`the registry ${registry.url} refuses the service "catalog": status 401, Unauthorized: the token is wrong`])
    expect(registry.heard).toHaveLength(1)
  })

  test.each([
    ['no JSON', { status: 200, body: '<html>' }],
    ['JSON without a lease', { status: 200, body: { id: 'a' } }],
    ['no end of it', { status: 200, body: 'x'.repeat(1_000_000) }],
  ])('an answer with %s registers nothing', async (_, answer) => {
    const registry = await new PlayedRegistry().open()
    registry.play = () => answer
    expect(await registered(registry)).toMatchObject({ isRegistered: false, id: undefined, told: [expect.stringContaining('this is no registry')] })
  })

  test('closing never fails, whatever the registry does', async () => {
    const registry = await new PlayedRegistry().open()
    const one = await registered(registry)
    registry.play = () => ({ status: 500 })
    await one.close()
    expect(one.told).toEqual([expect.stringContaining('its TTL will do')])
    await one.close()
    expect(registry.lines.filter((line) => line.startsWith('DELETE'))).toHaveLength(1)
  })

  test('a log that throws harms nothing', async () => {
    const registry = await new PlayedRegistry().open()
    registry.play = () => ({ status: 401 })
    const warned = once(process, 'warning')
    const log = (): void => {
      throw new Error('mine')
    }
    await registered(registry, { log })
    expect(String((await warned)[0])).toContain('Error: mine')
  })
})

test.each([
  [{ registry: 'catalog' }, 'registry is'],
  [{ registry: 'ftp://a' }, 'registry is'],
  [{ service: '' }, 'service is'],
  [{ port: 0 }, 'port is'],
  [{ port: '80' }, 'port is'],
  [{ host: '' }, 'host is'],
  [{ ttlMs: 10 }, 'ttlMs is'],
  [{ drainMs: -1 }, 'drainMs'],
])('%j is refused', async (options, reason) => {
  const all = { registry: 'http://127.0.0.1:1', service: 'a', port: 80, signals: false, ...options } as unknown as RegisterOptions
  await expect(register(all)).rejects.toThrow(reason)
})

/** A process of its own that registers itself and then runs more code; it says "up" when it is registered. */
async function child(registry: PlayedRegistry, more: string): Promise<{ child: ChildProcess; ended: Promise<unknown[]>; output: () => string }> {
  const code = `
    import { register } from '@meshwright/register'
    const once = () => register({ registry: '${registry.url}', service: 'catalog', port: 8080, drainMs: 1, ttlMs: 60000 })
    const registration = await once()
    ${more}
    console.log('up')
  `
  const process_ = spawn(process.execPath, ['--conditions=mw-source', '--input-type=module', '-e', code], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void process_.kill('SIGKILL'))
  const ended = once(process_, 'exit')
  let text = ''
  process_.stdout.on('data', (part: Buffer) => (text += part.toString()))
  await eventually(() => expect(text).toContain('up'))
  return { child: process_, ended, output: () => text }
}

const stayAlive = 'setInterval(() => {}, 1000)'

describe.skipIf(process.platform === 'win32')('at the end of a process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s takes it out and then ends the process as ever', async (signal) => {
    const registry = await new PlayedRegistry().open()
    const { child: one, ended } = await child(registry, stayAlive)
    one.kill(signal)
    expect(await ended).toEqual([null, signal])
    expect(registry.lines.at(-1)).toMatch(/^DELETE /)
  })

  test.each(['on', 'once'])('a handler of the program (%s) hears the signal, and decides when the process ends', async (on) => {
    const registry = await new PlayedRegistry().open()
    const { child: one, ended, output } = await child(registry, `const alive = ${stayAlive}; process.${on}('SIGTERM', async () => { await registration.close(); console.log('heard'); clearInterval(alive) })`)
    one.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    expect(output()).toContain('heard')
    expect(registry.lines.filter((line) => line.startsWith('DELETE'))).toHaveLength(1)
  })

  test('two registrations are both taken out', async () => {
    const registry = await new PlayedRegistry().open()
    const { child: one, ended } = await child(registry, `await once(); ${stayAlive}`)
    one.kill('SIGTERM')
    expect(await ended).toEqual([null, 'SIGTERM'])
    expect(registry.lines.filter((line) => line.startsWith('DELETE'))).toHaveLength(2)
  })

  test('a second signal waits for nobody', async () => {
    const registry = await new PlayedRegistry().open()
    const { child: one, ended } = await child(registry, stayAlive)
    registry.play = () => null
    one.kill('SIGTERM')
    await eventually(() => expect(registry.lines.at(-1)).toMatch(/^DELETE /))
    one.kill('SIGTERM')
    expect(await ended).toEqual([null, 'SIGTERM'])
  })

  test('a registration does not keep a process alive', async () => {
    const registry = await new PlayedRegistry().open()
    const { ended } = await child(registry, '')
    expect(await ended).toEqual([0, null])
  })

  test('a closed registration leaves signals alone', async () => {
    const registry = await new PlayedRegistry().open()
    const { child: one, ended } = await child(registry, `await registration.close(); ${stayAlive}`)
    const before = registry.heard.length
    one.kill('SIGTERM')
    expect(await ended).toEqual([null, 'SIGTERM'])
    expect(registry.heard).toHaveLength(before)
  })
})

test('a URL that is none is not told again, as there may be a password in it', async () => {
  const refused = register({ registry: 'http//user:hush@registry', service: 'catalog', port: 1, signals: false })
  await expect(refused).rejects.toThrow(/^registry is(?!.*hush)/)
})
