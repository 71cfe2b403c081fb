// The connection of one thread to Redis: leases, who else is there, and whether anybody answers. The only file that knows node-redis.
import { hash, randomUUID } from 'node:crypto'
import { createClient } from 'redis'
import type { Gauge, Logger } from '@meshwright/core'
import { toRedisKey } from './key.ts'
import type { Lease, Rate, Store } from './leases.ts'
import { leaseScript, presenceScript } from './script.ts'
import type { TlsSettings } from './tls.ts'

export interface RedisStoreParts {
  readonly log: Pick<Logger, 'warn' | 'info'>
  /** One more while Redis answers. */
  readonly up: Gauge
  /** For `rediss://`. Default: the roots that Node trusts, and the host's name. */
  readonly tls?: TlsSettings | undefined
}

const connectMs = 5_000
/** How often a thread says that it is there; one that has not for three times as long counts as gone. */
const presenceMs = 5_000
/** How often one that is away is asked whether it is back. */
const probeMs = 250
/** A connection on which nothing comes for so long is given up. */
const silentMs = 5_000
const maxReconnectMs = 5_000
/** Commands that wait at a time. */
const maxCommands = 10_000

/** Redis speaks of a script that it does not know (any more): it was restarted, or its scripts were flushed. */
const noScript = /^NOSCRIPT/

export class RedisStore {
  holders = 1
  readonly #prefix: string
  readonly #id: string = randomUUID()
  readonly #parts: RedisStoreParts
  readonly #client: ReturnType<typeof connection>
  readonly #presence: NodeJS.Timeout
  readonly #started = Promise.withResolvers<void>()
  #state: 'connecting' | 'up' | 'away' = 'connecting'
  #probe: NodeJS.Timeout | undefined = undefined
  #closed: Promise<void> | undefined = undefined

  /**
   * Begins to connect. A thread that cannot goes on trying, with a growing delay, and is away until then.
   * @param url `redis://` or `rediss://`, with user and password if need be; never logged
   */
  constructor(url: string, prefix: string, parts: RedisStoreParts) {
    this.#prefix = prefix
    this.#parts = parts
    this.#client = connection(url, parts.tls)
    this.#client.on('ready', () => this.#isBack())
    this.#client.on('error', (error: Error) => this.#isGone(error))
    // What goes wrong is told by the event.
    this.#client.connect().catch(() => {})
    this.#presence = setInterval(() => this.#keepPresent(), presenceMs).unref()
  }

  /** The first connection is waited for. */
  get isAway(): boolean {
    return this.#state === 'away'
  }

  /** The budgets of one limiter. */
  of(limiter: string, { requests, windowMs, burst }: Rate): Store {
    return new LimiterStore(this, `${this.#prefix}${limiter}:`, [String((windowMs * 1000) / requests), String(burst)])
  }

  /** @param rate microseconds per request, and burst */
  async lease(key: string, rate: readonly string[], wanted: number): Promise<Lease> {
    if (this.#state === 'connecting') await this.#started.promise
    const [taken, waitUs] = (await this.#run(leaseScript, key, ...rate, String(wanted))) as readonly [number, number]
    return { taken, waitMs: waitUs / 1000 }
  }

  /** Connected it may be, but it does not answer, or not well. */
  doubt(): void {
    if (this.#closed !== undefined) return
    this.#isGone(new Error('no good answer in time'))
    this.#probe ??= setInterval(() => void this.#look(), probeMs).unref()
  }

  /** Nobody is told of what happens to the connection from now on. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    clearInterval(this.#presence)
    clearInterval(this.#probe)
    // A goodbye that does not arrive is made up for by its time to live.
    if (this.#state === 'up') await this.#within(this.#client.sendCommand(['ZREM', this.#holdersKey, this.#id])).catch(() => {})
    if (this.#state === 'up') this.#parts.up.add(-1)
    this.#client.destroy()
    this.#state = 'away'
  }

  async #run(script: string, key: string, ...rest: string[]): Promise<unknown> {
    try {
      return await this.#client.sendCommand(['EVALSHA', hash('sha1', script), '1', key, ...rest])
    } catch (thrown) {
      if (!(thrown instanceof Error) || !noScript.test(thrown.message)) throw thrown
      return this.#client.sendCommand(['EVAL', script, '1', key, ...rest])
    }
  }

  get #holdersKey(): string {
    return `${this.#prefix}holders`
  }

  async #sayHello(): Promise<void> {
    this.holders = Math.max(1, Number(await this.#run(presenceScript, this.#holdersKey, this.#id, String((3 * presenceMs) / 1000))))
  }

  #keepPresent(): void {
    if (this.#state === 'up') this.#sayHello().catch(() => this.doubt())
  }

  #isBack(): void {
    if (this.#state === 'away') this.#parts.log.info({}, 'Redis answers again: budgets are those of the fleet')
    clearInterval(this.#probe)
    this.#probe = undefined
    if (this.#state !== 'up') this.#parts.up.add(1)
    this.#state = 'up'
    this.#started.resolve()
    this.#keepPresent()
  }

  #isGone(error: Error): void {
    if (this.#closed !== undefined) return
    if (this.#state !== 'away') this.#parts.log.warn({ reason: reasonOf(error) }, 'Redis is away: limiters go by what this thread knows')
    if (this.#state === 'up') this.#parts.up.add(-1)
    this.#state = 'away'
    this.#started.resolve()
  }

  /** One that answers but cannot write is of no use: so it is asked to write. */
  async #look(): Promise<void> {
    if (!this.#client.isReady) return
    const answers = await this.#within(this.#sayHello()).then(() => true, () => false)
    if (answers && this.#client.isReady) this.#isBack()
  }

  /** An answer in time, or none. */
  async #within<T>(answer: Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('no answer in time')), probeMs)
    return Promise.race([answer, late.promise]).finally(() => clearTimeout(timer))
  }
}

class LimiterStore implements Store {
  readonly #store: RedisStore
  readonly #prefix: string
  readonly #rate: readonly string[]

  constructor(store: RedisStore, prefix: string, rate: readonly string[]) {
    this.#store = store
    this.#prefix = prefix
    this.#rate = rate
  }

  get isAway(): boolean {
    return this.#store.isAway
  }

  get holders(): number {
    return this.#store.holders
  }

  async lease(key: string, wanted: number): Promise<Lease> {
    // Hashed where it leaves the process: once per lease, not per request.
    return this.#store.lease(this.#prefix + toRedisKey(key), this.#rate, wanted)
  }

  doubt(): void {
    this.#store.doubt()
  }
}

function connection(url: string, { ca, serverName }: TlsSettings = {}): ReturnType<typeof createClient> {
  return createClient({
    url,
    socket: {
      ...(ca !== undefined && { ca }),
      ...(serverName !== undefined && { servername: serverName }),
      connectTimeout: connectMs,
      socketTimeout: silentMs,
      reconnectStrategy: (retries) => Math.min(maxReconnectMs, 50 * 2 ** retries) * (0.5 + Math.random() / 2),
    },
    pingInterval: silentMs / 5,
    // Requests do not wait for a connection to come back.
    disableOfflineQueue: true,
    commandsQueueMaxLength: maxCommands,
  })
}

function reasonOf(error: Error): string {
  const { code } = error as Error & { code?: unknown }
  // Of a login that fails Redis says nothing but that it failed.
  return typeof code === 'string' && code !== '' ? code : error.message.slice(0, 200)
}
