// From names to endpoints, with a memory for what a server does not know today.
import type { EndpointSpec } from '@meshwright/core'
import type { Lookup } from './lookup.ts'
import type { Answer, Target } from './message.ts'

/** What is looked for. */
export interface Wanted {
  /** Absolute, in lower case and without the dot at its end. */
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'A+AAAA' | 'SRV'
  /** Of the endpoints; SRV records have their own. */
  readonly port: number
}

/** What became of a search. */
export interface Finding {
  /**
   * `found`: all of it. `partial`: some of the questions failed, and what they answered last is used for them.
   * `unavailable`: decidedly nobody. `nxdomain`, `nodata` and `failed`: nothing that could be used.
   */
  readonly result: 'found' | 'partial' | 'unavailable' | 'nxdomain' | 'nodata' | 'failed'
  readonly endpoints: readonly EndpointSpec[]
  /** How long it holds; undefined where nobody has said. Milliseconds. */
  readonly ttlMs: number | undefined
  /** Why it is not `found`, for people; otherwise empty. */
  readonly reason: string
}

type Family = 'A' | 'AAAA'

/** The addresses of one name. */
interface Addresses {
  readonly addresses: readonly string[]
  readonly answers: readonly Answer[]
}

const parallel = 16
const maxPriority = 127
/** 65535, the greatest weight in DNS, times this is a weight that an endpoint may have. */
const maxFactor = 15

/** Finds endpoints again and again, and remembers what each question was answered last. */
export class Finder {
  readonly #wanted: Wanted
  readonly #lookup: Lookup
  /** The last good addresses by family and name. */
  #known = new Map<string, readonly string[]>()

  constructor(wanted: Wanted, lookup: Lookup) {
    this.#wanted = wanted
    this.#lookup = lookup
  }

  /** Never rejects. Not to be called again before it has resolved. */
  async find(signal: AbortSignal): Promise<Finding> {
    return this.#wanted.type === 'SRV' ? this.#targets(signal) : this.#addresses(this.#wanted.type, signal)
  }

  async #addresses(type: 'A' | 'AAAA' | 'A+AAAA', signal: AbortSignal): Promise<Finding> {
    const { name, port } = this.#wanted
    const { addresses, answers } = await this.#addressesOf(name, type.split('+') as Family[], signal)
    return toFinding(addresses.map((host) => ({ host, port })), answers)
  }

  async #targets(signal: AbortSignal): Promise<Finding> {
    const answer = await this.#lookup(this.#wanted.name, 'SRV', signal)
    if (answer.verdict !== 'found') return toFinding([], [answer])
    const { targets } = answer
    // A single record without a target says so. @source RFC 2782, "Target"
    if (targets.length === 1 && targets[0]?.host === '') return { result: 'unavailable', endpoints: [], ttlMs: toMs(answer.ttlSeconds), reason: 'its SRV record says that it is not available' }
    const hosts = [...new Set(targets.map(({ host }) => host))].filter((host) => host !== '')
    const found = new Map(await inParallel(hosts, async (host) => [host, await this.#hostOf(host, answer, signal)] as const))
    this.#forgetOthers(hosts)
    return toFinding(weigh(targets, (host) => found.get(host)?.addresses ?? []), [answer, ...[...found.values()].flatMap(({ answers }) => answers)])
  }

  /** The addresses of a target: those that came along, or else those that are asked for. */
  async #hostOf(host: string, { glue }: Answer, signal: AbortSignal): Promise<Addresses> {
    const addresses = glue.get(host)
    return addresses === undefined ? this.#addressesOf(host, ['A', 'AAAA'], signal) : { addresses, answers: [] }
  }

  async #addressesOf(name: string, families: readonly Family[], signal: AbortSignal): Promise<Addresses> {
    const answers = await Promise.all(families.map((family) => this.#lookup(name, family, signal)))
    const addresses = answers.flatMap((answer, i) => this.#remember(`${families[i]} ${name}`, answer))
    return { addresses, answers }
  }

  /** A yes or a no replaces what is known; after a failure it stays. */
  #remember(key: string, answer: Answer): readonly string[] {
    if (answer.verdict === 'found') this.#known.set(key, answer.addresses)
    else if (answer.verdict !== 'failed') this.#known.delete(key)
    return this.#known.get(key) ?? []
  }

  #forgetOthers(names: readonly string[]): void {
    const kept = new Set(names.flatMap((name) => [`A ${name}`, `AAAA ${name}`]))
    this.#known = new Map([...this.#known].filter(([key]) => kept.has(key)))
  }
}

function toFinding(endpoints: readonly EndpointSpec[], answers: readonly Answer[]): Finding {
  const failures = answers.filter(({ verdict }) => verdict === 'failed')
  const found = answers.filter(({ verdict }) => verdict === 'found')
  const reason = [...new Set(failures.map((answer) => answer.reason))].join('; ')
  // While anything is found, a no to another question says only that such records are not there.
  const ttlMs = leastTtl(found.length > 0 ? found : answers)
  // All that is known then is what was found before.
  if (failures.length > 0 && failures.length === answers.length) return { result: 'failed', endpoints: [], ttlMs: undefined, reason }
  if (endpoints.length > 0) return { result: failures.length === 0 ? 'found' : 'partial', endpoints, ttlMs, reason }
  if (failures.length > 0) return { result: 'failed', endpoints, ttlMs: undefined, reason }
  const missing = answers.some(({ verdict }) => verdict === 'nxdomain')
  return { result: missing ? 'nxdomain' : 'nodata', endpoints, ttlMs: leastTtl(answers), reason: missing ? 'the name does not exist (NXDOMAIN)' : 'the name has no such records' }
}

function leastTtl(answers: readonly Answer[]): number | undefined {
  const known = answers.map(({ ttlSeconds }) => ttlSeconds).filter((ttl) => ttl !== undefined)
  return known.length === 0 ? undefined : toMs(Math.min(...known))
}

function toMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000
}

/**
 * One endpoint for each address of each target; the addresses of a target share its weight, so all weights are
 * multiplied by the most addresses that a target has. Weight 0 counts as 1, and priorities become ranks from 0.
 */
function weigh(all: readonly Target[], addressesOf: (host: string) => readonly string[]): EndpointSpec[] {
  const targets = all.filter(({ port }) => port > 0)
  const ranks = [...new Set(targets.map(({ priority }) => priority))].sort((a, b) => a - b)
  const factor = Math.min(maxFactor, Math.max(1, ...targets.map(({ host }) => addressesOf(host).length)))
  return targets.flatMap(({ host, port, priority, weight }) => {
    const addresses = addressesOf(host)
    const share = Math.max(1, Math.round((Math.max(1, weight) * factor) / Math.max(1, addresses.length)))
    const rank = Math.min(maxPriority, ranks.indexOf(priority))
    return addresses.map((address) => ({ host: address, port, priority: rank, weight: share, metadata: { target: host } }))
  })
}

/** Not all at once: a server takes many questions from one client for an attack. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += parallel) results.push(...(await Promise.all(items.slice(at, at + parallel).map(work))))
  return results
}
