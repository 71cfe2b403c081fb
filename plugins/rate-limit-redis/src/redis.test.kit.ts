// A real Redis for one test: on a free port, without files, ended with the test; it can be killed, stopped and started again.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { createClient } from 'redis'
import { onTestFinished } from 'vitest'

/** Whether redis-server is on this machine; its absence is a failure where servers are required. */
export function hasRedis(): boolean {
  return has('redis-server', '--version')
}

/** The same for openssl. */
export function hasOpenssl(): boolean {
  return has('openssl', 'version')
}

function has(program: string, question: string): boolean {
  const found = spawnSync(program, [question], { stdio: 'ignore' }).status === 0
  if (!found && process.env['MESHWRIGHT_REQUIRE_SERVERS'] === '1') throw new Error(`${program} is not on this machine`)
  return found
}

export class Redis {
  readonly port: number
  readonly #options: readonly string[]
  readonly #password: string
  #child: ChildProcess | undefined = undefined

  private constructor(port: number, options: readonly string[], password: string) {
    this.port = port
    this.#options = options
    this.#password = password
  }

  static async start({ options = [], password = '' }: { options?: readonly string[]; password?: string } = {}): Promise<Redis> {
    const redis = new Redis(await freePort(), options, password)
    onTestFinished(async () => redis.kill())
    await redis.start()
    return redis
  }

  get url(): string {
    const login = this.#password === '' ? '' : `:${this.#password}@`
    return `redis://${login}127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const login = this.#password === '' ? [] : ['--requirepass', this.#password]
    this.#child = spawn('redis-server', ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...login, ...this.#options], { stdio: 'ignore', cwd: '/tmp' })
    await eventually(async () => (await this.send('PING')) === 'PONG', 'Redis to start')
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** It keeps its connections and says nothing. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  /** One command on a connection of its own. */
  async send(...command: string[]): Promise<unknown> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: false } })
    client.on('error', () => {})
    await client.connect()
    try {
      return await client.sendCommand(command)
    } finally {
      client.destroy()
    }
  }

  /** How often scripts were asked for since the start. */
  async scriptCalls(): Promise<number> {
    const text = String(await this.send('INFO', 'commandstats'))
    return [...text.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0)
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Asks again until the answer is neither undefined nor false. A rejection is no answer. */
export async function eventually<T>(probe: () => T | undefined | false | Promise<T | undefined | false>, what: string): Promise<T> {
  const giveUpAt = performance.now() + 30_000
  let last: unknown
  for (;;) {
    try {
      const found = await probe()
      if (found !== undefined && found !== false) return found
    } catch (thrown) {
      last = thrown
    }
    if (performance.now() > giveUpAt) throw new Error(`waited too long for ${what}`, { cause: last })
    await setImmediate()
  }
}
