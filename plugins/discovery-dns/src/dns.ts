// Discovery by DNS: asks for the records of a name, and asks again when they have aged.
import type { Counter, Discovery, EndpointSpec, Gauge, Logger, Metrics } from '@meshwright/core'
import { Finder, type Finding, type Wanted } from './find.ts'
import { lookupWith, type Lookup } from './lookup.ts'

export interface DnsOptions {
  /** The whole name; no search domain is added, and /etc/hosts is not read. */
  readonly name: string
  /** Of the endpoints, 1..65535. Needed for addresses, refused for SRV, whose records say it. */
  readonly port?: number
  /** Which records. Default `A+AAAA`. */
  readonly type?: 'A' | 'AAAA' | 'A+AAAA' | 'SRV'
  /** DNS servers, `address` or `address:port`, asked in this order. Default: those of the system when the process started. */
  readonly servers?: readonly string[]
  /** Records are asked for again no sooner than this. Milliseconds, 100..3600000; default 1000. */
  readonly minTtlMs?: number
  /** And no later. Milliseconds, minTtlMs..86400000; default 300000. */
  readonly maxTtlMs?: number
  /** The same after a no or a failure. Milliseconds, minTtlMs..86400000; default 10000. */
  readonly negativeTtlMs?: number
  /** How long one server is waited for, each time it is asked. Milliseconds, 10..60000; default 2000. */
  readonly timeoutMs?: number
  /** Most endpoints that are taken, the first in order of their addresses. 1..100000; default 1000. */
  readonly maxEndpoints?: number
}

/** What a discovery uses of its mesh. */
export interface DnsHost {
  readonly log?: Pick<Logger, 'info' | 'warn'>
  readonly metrics?: Pick<Metrics, 'counter' | 'gauge'>
  /** Instead of real servers. */
  readonly lookup?: Lookup
  /** Chance, for the jitter. Default Math.random. */
  readonly random?: () => number
}

interface Settings extends Required<Pick<DnsOptions, 'minTtlMs' | 'maxTtlMs' | 'negativeTtlMs' | 'maxEndpoints'>> {
  readonly wanted: Wanted
  readonly lookup: Lookup
  readonly random: () => number
}

type Publish = (endpoints: readonly EndpointSpec[]) => void

/** Records are asked for up to this share later than they age, so that not everybody asks at once. */
const jitter = 0.1

/**
 * The endpoints that DNS names, now and whenever the records have aged. A failure, and also a no (NXDOMAIN, no such
 * records), changes nothing: the last good endpoints stay, told once in the log and shown by a metric. Only an SRV
 * record that says so (`.`) empties the service.
 * @throws RangeError or TypeError when an option is wrong
 */
export function dns(options: DnsOptions, host: DnsHost = {}): Discovery {
  const settings = settingsOf(options, host)
  return {
    async watch(service, publish) {
      const follower = new Follower(settings, publish, new Teller(service, settings.wanted, host))
      await follower.start()
      return () => follower.stop()
    },
  }
}

/** Follows one name: a search, what it found, and a timer for the next. */
class Follower {
  readonly #settings: Settings
  readonly #publish: Publish
  readonly #teller: Teller
  readonly #finder: Finder
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined = undefined
  #failures = 0
  /** What was published last, as a text. */
  #published: string | undefined = undefined

  constructor(settings: Settings, publish: Publish, teller: Teller) {
    this.#settings = settings
    this.#publish = publish
    this.#teller = teller
    this.#finder = new Finder(settings.wanted, settings.lookup)
  }

  /** The first search is over when it resolves. */
  async start(): Promise<void> {
    const finding = await this.#finder.find(this.#stop.signal)
    if (this.#stop.signal.aborted) return
    this.#take(finding)
    this.#timer = setTimeout(() => void this.start(), this.#delayMs(finding)).unref()
  }

  stop(): void {
    this.#stop.abort()
    this.#teller.stop()
    clearTimeout(this.#timer)
  }

  #take(finding: Finding): void {
    const { maxEndpoints } = this.#settings
    const endpoints = inOrder(finding.endpoints)
    this.#failures = finding.result === 'failed' || finding.result === 'partial' ? this.#failures + 1 : 0
    const text = JSON.stringify(endpoints.slice(0, maxEndpoints))
    const isUsed = finding.endpoints.length > 0 || finding.result === 'unavailable'
    this.#teller.tell(finding, endpoints.length - maxEndpoints, this.#published !== undefined)
    if (!isUsed || text === this.#published) return
    this.#published = text
    this.#publish(endpoints.slice(0, maxEndpoints))
  }

  #delayMs({ result, ttlMs }: Finding): number {
    const { minTtlMs, maxTtlMs, negativeTtlMs, random } = this.#settings
    const backOffMs = Math.min(negativeTtlMs, minTtlMs * 2 ** Math.min(20, Math.max(0, this.#failures - 1)))
    const isGood = result === 'found' || result === 'partial' || result === 'unavailable'
    const agedMs = isGood ? clamp(ttlMs ?? minTtlMs, minTtlMs, maxTtlMs) : clamp(ttlMs ?? negativeTtlMs, minTtlMs, negativeTtlMs)
    const delayMs = result === 'failed' ? backOffMs : result === 'partial' ? Math.min(agedMs, backOffMs) : agedMs
    return delayMs * (1 + jitter * random())
  }
}

/** One endpoint for each host and port, in an order that does not depend on that of the answer. */
function inOrder(endpoints: readonly EndpointSpec[]): EndpointSpec[] {
  const byPlace = new Map<string, EndpointSpec>()
  for (const endpoint of endpoints) {
    const place = `${endpoint.host} ${endpoint.port}`
    const known = byPlace.get(place)
    if (known === undefined || (endpoint.priority ?? 0) < (known.priority ?? 0)) byPlace.set(place, endpoint)
  }
  return [...byPlace].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint)
}

/** Tells log and metrics: each trouble once, and that it is over. */
class Teller {
  readonly #service: string
  readonly #wanted: Wanted
  readonly #host: DnsHost
  readonly #counters = new Map<string, Counter>()
  readonly #stale: Gauge | undefined
  #isStale = false
  #trouble = ''

  constructor(service: string, wanted: Wanted, host: DnsHost) {
    this.#service = service
    this.#wanted = wanted
    this.#host = host
    this.#stale = host.metrics?.gauge('mesh_dns_stale', 'Whether the endpoints are the last good ones, kept because DNS has no better answer', { service })
  }

  tell({ result, reason }: Finding, tooMany: number, hasEndpoints: boolean): void {
    this.#count(result)
    this.#setStale(['partial', 'failed', 'nxdomain', 'nodata'].includes(result))
    const trouble = reason === '' && tooMany > 0 ? `${tooMany} endpoints are more than maxEndpoints` : reason
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    const details = { service: this.#service, name: this.#wanted.name, type: this.#wanted.type, result }
    if (trouble === '') this.#host.log?.info(details, 'DNS answers well again')
    else this.#host.log?.warn({ ...details, reason: trouble }, consequence(result, hasEndpoints))
  }

  stop(): void {
    this.#setStale(false)
  }

  /** A reload may have begun another search for the service before this one stops. */
  #setStale(isStale: boolean): void {
    this.#stale?.add(Number(isStale) - Number(this.#isStale))
    this.#isStale = isStale
  }

  #count(result: string): void {
    let counter = this.#counters.get(result)
    if (counter === undefined) {
      counter = this.#host.metrics?.counter('mesh_dns_searches_total', 'Searches for endpoints in DNS by what became of them', { service: this.#service, result })
      if (counter === undefined) return
      this.#counters.set(result, counter)
    }
    counter.inc()
  }
}

function consequence(result: Finding['result'], hasEndpoints: boolean): string {
  if (result === 'found') return 'DNS names too many endpoints: the first are taken'
  if (result === 'unavailable') return 'DNS says that the service is not available: it has no endpoints'
  if (result === 'partial') return 'DNS answers in part: for the rest the last good answers are used'
  return hasEndpoints ? 'DNS has no good answer: the last good endpoints stay' : 'DNS has no good answer: the service has no endpoints yet'
}

function settingsOf(options: DnsOptions, host: DnsHost): Settings {
  const { minTtlMs = 1000, maxTtlMs = 300_000, negativeTtlMs = 10_000, timeoutMs = 2000, maxEndpoints = 1000 } = options
  checkRange('minTtlMs', minTtlMs, 100, 3_600_000)
  checkRange('maxTtlMs', maxTtlMs, minTtlMs, 86_400_000)
  checkRange('negativeTtlMs', negativeTtlMs, minTtlMs, 86_400_000)
  checkRange('timeoutMs', timeoutMs, 10, 60_000)
  checkRange('maxEndpoints', maxEndpoints, 1, 100_000)
  const lookup = host.lookup ?? lookupWith(options.servers, timeoutMs)
  return { wanted: wantedOf(options), lookup, minTtlMs, maxTtlMs, negativeTtlMs, maxEndpoints, random: host.random ?? Math.random }
}

function wantedOf({ name, port, type = 'A+AAAA' }: DnsOptions): Wanted {
  const bare = name.toLowerCase().replace(/\.$/, '')
  if (bare.length > 253 || !/^(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/.test(bare)) throw new TypeError(`"${name}" is no name that DNS knows`)
  if (/(?:^|\.)[0-9]+$/.test(bare)) throw new TypeError(`"${name}" is an address: write it under endpoints`)
  if (type === 'SRV' && port !== undefined) throw new TypeError('port is for addresses: an SRV record has its own')
  if (type !== 'SRV' && port === undefined) throw new TypeError('port is missing: an address record has none')
  if (port !== undefined) checkRange('port', port, 1, 65_535)
  return { name: bare, type, port: port ?? 0 }
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) throw new RangeError(`${name} is a number from ${least} to ${most}, not ${value}`)
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}
