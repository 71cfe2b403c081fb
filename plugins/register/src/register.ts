// Keeps a service in a registry: registers it, keeps its heartbeat, and takes it out when the process ends.
import { callRegistry, type Outcome } from './registry-call.ts'
import { beforeSignals } from './signals.ts'

export interface RegisterOptions {
  /** Where the registry is: the address of a mesh's admin API, `http://host:9901`. */
  readonly registry: string
  /** Of which service this process is an instance. */
  readonly service: string
  /** Where this process listens. 1..65535. */
  readonly port: number
  /** Under which host others reach it. Default: the address by which this machine reaches the registry. */
  readonly host?: string
  /** Stable name of the instance inside its service. Default: `host:port`. */
  readonly id?: string
  /** Of the program, for people and filters. */
  readonly version?: string
  /** Where it runs. */
  readonly zone?: string
  /** Share of the traffic relative to the others. 1..1000000; default 1. */
  readonly weight?: number
  /** Those with the lowest number are used first. 0..127; default 0. */
  readonly priority?: number
  /** Free text for balancers and filters. */
  readonly metadata?: Readonly<Record<string, string>>
  /** After how long without a heartbeat the registry takes it for dead. Milliseconds, 1000..3600000; default 15000. A third of it lies between two heartbeats. */
  readonly ttlMs?: number
  /** What the registry wants to see before it takes a write. Default: the environment variable MESHWRIGHT_REGISTRY_TOKEN. */
  readonly token?: string
  /** The signals at which it is taken out. Default SIGTERM and SIGINT; false: none, call `close` yourself. */
  readonly signals?: readonly NodeJS.Signals[] | false
  /** How long `close` waits after it was taken out, for requests that are on their way. Milliseconds; default 1000. */
  readonly drainMs?: number
  /** How long `register` waits for the registry before it goes on trying behind your back. Milliseconds; default 5000. */
  readonly waitMs?: number
  /** Told when the registry cannot be reached or refuses, once, and when that is over. Default: process.emitWarning. */
  readonly log?: (message: string) => void
}

/** A service that is kept in a registry. */
export interface Registration {
  /** Whether the registry knew it when it was last asked. */
  readonly isRegistered: boolean
  /** Its name in the registry; undefined before it was registered for the first time. */
  readonly id: string | undefined
  /** Takes it out, waits `drainMs`, and stops. Never rejects; a second call is the first one. */
  close(): Promise<void>
}

const callTimeoutMs = 5000
const closeTimeoutMs = 2000
const firstBackOffMs = 250
/** After a refusal: a wrong token does not get right by asking often. */
const refusedBackOffMs = 30_000

/**
 * Registers this process as an instance of a service and keeps it registered. Resolves when it is, or after `waitMs`,
 * and goes on trying then. What the network or the registry does is never thrown, and the process may end any time.
 * @throws TypeError, as a rejection, for options that cannot be meant
 */
export async function register(options: RegisterOptions): Promise<Registration> {
  const keeper = new Keeper(options)
  const { signals = ['SIGTERM', 'SIGINT'] } = options
  if (signals !== false) keeper.forgetSignals = beforeSignals(signals, async () => keeper.close())
  await keeper.start(options.waitMs ?? 5000)
  return keeper
}

class Keeper implements Registration {
  isRegistered = false
  id: string | undefined
  forgetSignals: () => void = () => {}
  readonly #options: RegisterOptions
  readonly #base: URL
  readonly #token: string | undefined
  readonly #ttlMs: number
  #lease: string | undefined = undefined
  #failures = 0
  #isRefused = false
  #trouble = ''
  #timer: NodeJS.Timeout | undefined = undefined
  /** What is under way now. */
  #turning: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined = undefined

  constructor(options: RegisterOptions) {
    checkOptions(options)
    this.#options = options
    this.#base = new URL(options.registry.endsWith('/') ? options.registry : `${options.registry}/`)
    this.#token = options.token ?? process.env['MESHWRIGHT_REGISTRY_TOKEN']
    this.#ttlMs = options.ttlMs ?? 15_000
    this.id = options.id
  }

  async start(waitMs: number): Promise<void> {
    const giveUpAt = performance.now() + waitMs
    await this.#turn(false)
    while (!this.isRegistered && !this.#isRefused && this.#closed === undefined && performance.now() < giveUpAt) {
      await pause(Math.min(this.#backOffMs(), giveUpAt - performance.now()))
      await this.#turn(false)
    }
    this.#schedule()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    clearTimeout(this.#timer)
    // A registration under way must not reach the registry after its end.
    await within(closeTimeoutMs, this.#turning)
    if (this.id !== undefined && this.#lease !== undefined) await this.#leave()
    this.isRegistered = false
    await pause(this.#options.drainMs ?? 1000)
    this.forgetSignals()
  }

  async #leave(): Promise<void> {
    const { status, reason } = await callRegistry({ method: 'DELETE', url: this.#own(''), token: this.#token, timeoutMs: closeTimeoutMs, background: false })
    if (status === 0 || status >= 400) this.#tell(`the registry did not take the service out, which its TTL will do: ${reason}`)
  }

  #schedule(): void {
    if (this.#closed !== undefined) return
    const delayMs = this.isRegistered ? (this.#ttlMs / 3) * (0.9 + 0.1 * Math.random()) : this.#backOffMs()
    this.#timer = setTimeout(() => void this.#turn(true).then(() => this.#schedule()), delayMs).unref()
  }

  /** From a quarter of a second, doubled up to a third of the TTL; half of it by chance. */
  #backOffMs(): number {
    const limitMs = this.#isRefused ? refusedBackOffMs : Math.min(this.#ttlMs / 3, firstBackOffMs * 2 ** Math.min(10, this.#failures))
    return limitMs * (0.5 + 0.5 * Math.random())
  }

  #turn(background: boolean): Promise<void> {
    this.#turning = this.#beatOrRegister(background)
    return this.#turning
  }

  async #beatOrRegister(background: boolean): Promise<void> {
    if (this.#closed !== undefined) return
    if (this.#lease !== undefined) {
      const beat = await callRegistry({ method: 'POST', url: this.#own('/heartbeat'), token: this.#token, timeoutMs: callTimeoutMs, background })
      // Not known there any more: the registry has lost it, or took it for dead.
      if (beat.status !== 404) return this.#heard(beat)
    }
    this.#take(await callRegistry({ method: 'POST', url: new URL('v1/registry/instances', this.#base), token: this.#token, body: (host) => this.#instance(host), timeoutMs: callTimeoutMs, background }))
  }

  #take(outcome: Outcome): void {
    const { id, lease } = outcome.body
    if (outcome.reason === '' && typeof id === 'string' && typeof lease === 'string') {
      this.id = id
      this.#lease = lease
      return this.#heard(outcome)
    }
    this.#heard(outcome.reason === '' ? { ...outcome, reason: 'this is no registry' } : outcome)
  }

  #heard({ status, reason }: Outcome): void {
    this.isRegistered = reason === ''
    this.#isRefused = status >= 400 && status < 500 && status !== 408 && status !== 429
    this.#failures = this.isRegistered ? 0 : this.#failures + 1
    const trouble = this.isRegistered ? '' : `the registry ${this.#base.origin} ${this.#isRefused ? 'refuses' : 'cannot be used to keep'} the service "${this.#options.service}": ${reason}`
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    this.#tell(trouble === '' ? `the service "${this.#options.service}" is registered` : trouble)
  }

  #own(rest: string): URL {
    const { service } = this.#options
    const url = new URL(`v1/registry/instances/${encodeURIComponent(service)}/${encodeURIComponent(this.id ?? '')}${rest}`, this.#base)
    url.searchParams.set('lease', this.#lease ?? '')
    return url
  }

  #instance(localAddress: string): object {
    const { service, port, host = localAddress, id, version, zone, weight, priority, metadata } = this.#options
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
    return { service, address, id, version, zone, weight, priority, metadata, ttlMs: this.#ttlMs }
  }

  /** Whatever the program does with a message, it must not break what goes on here. */
  #tell(message: string): void {
    try {
      const log = this.#options.log ?? ((text) => process.emitWarning(text, 'MeshwrightRegister'))
      log(message)
    } catch (thrown) {
      process.emitWarning(`the log of a registration has failed: ${String(thrown)}`, 'MeshwrightRegister')
    }
  }
}

function checkOptions({ registry, service, port, host, ttlMs = 15_000, drainMs = 0, waitMs = 0 }: RegisterOptions): void {
  const isUrl = URL.canParse(registry) && /^https?:$/.test(new URL(registry).protocol)
  // What stands there is not told again: there may be a password in it.
  if (!isUrl) throw new TypeError('registry is the URL of a registry, such as http://127.0.0.1:9901')
  if (typeof service !== 'string' || service === '') throw new TypeError('service is the name of the service')
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new TypeError(`port is a whole number from 1 to 65535, not ${port}`)
  if (host === '') throw new TypeError('host is empty')
  if (!(ttlMs >= 1000 && ttlMs <= 3_600_000)) throw new TypeError(`ttlMs is a number from 1000 to 3600000, not ${ttlMs}`)
  if (!(drainMs >= 0 && waitMs >= 0)) throw new TypeError('drainMs and waitMs are not negative')
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([work, new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))])
  clearTimeout(timer)
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
}
