// Maglev: requests with the same key go to the same endpoint, and to another one only if that cannot be helped.
import { perPriority, type Balancer, type Endpoint, type Exchange } from '@meshwright/core'
import { placeOf } from './hash.ts'
import { hashKey, type HashKey, type MaglevKey } from './key.ts'
import { tableOf, type Table } from './table.ts'

export interface MaglevOptions {
  /** What requests have in common that go to the same endpoint: all of these. Default `['address']`. */
  readonly key?: MaglevKey
  /** Keys for requests that lack a part of `key`, tried in turn. Default none: such a request goes anywhere, by weight. */
  readonly otherwise?: readonly MaglevKey[]
  /** Places in the table. A prime number, 2..5000011; default 65537. */
  readonly tableSize?: number
  /**
   * Most attempts under way at an endpoint, in percent of its fair part of all of them; what is more goes to the endpoints of
   * the next places. 100..100000; default none: an endpoint gets all that belongs to it.
   */
  readonly maxLoadPercent?: number
  /** The bits of an IPv6 address that tell clients apart. 1..128; default 64. */
  readonly ipv6Prefix?: number
  /** A number from 0 to less than 1, for requests without a key. Default Math.random; for tests. */
  readonly random?: () => number
}

/**
 * Looks a hash of the key up in a table, which is made anew in `update` and depends only on the ids and weights of the
 * endpoints: threads and proxies that know the same endpoints pick the same one. A further attempt goes to the endpoint of the
 * next place that has not been tried.
 *
 * @source Eisenbud and others, Maglev, 2016; bounded loads: Mirrokni and others, Consistent hashing with bounded loads, 2016
 * @throws RangeError when an option is out of range, MESH_BAD_OPTIONS for a key that is none
 */
export function maglev(options: MaglevOptions = {}): Balancer {
  const { key = ['address'], otherwise = [], tableSize = 65_537, maxLoadPercent = Infinity, ipv6Prefix = 64, random = Math.random } = options
  if (!Number.isInteger(tableSize) || tableSize < 2 || tableSize > 5_000_011 || !isPrime(tableSize)) throw new RangeError(`tableSize is a prime number from 2 to 5000011, not ${tableSize}`)
  if (!(maxLoadPercent >= 100)) throw new RangeError(`maxLoadPercent is a number from 100, not ${maxLoadPercent}`)
  const hash = hashKey([key, ...otherwise], { ipv6Prefix })
  return perPriority(() => new Maglev({ hash, tableSize, maxLoad: maxLoadPercent / 100, random }))
}

interface Settings {
  readonly hash: HashKey
  readonly tableSize: number
  /** In fair parts; Infinity: no limit. */
  readonly maxLoad: number
  readonly random: () => number
}

/** How many places are looked at for an endpoint that will do. */
const maxLooks = 200

class Maglev implements Balancer {
  readonly #settings: Settings
  #list: readonly Endpoint[] = []
  /** By id, so that the table does not depend on the order in which they were found. */
  #members: readonly Endpoint[] = []
  #weights: readonly number[] = []
  #weight = 0
  #ids: readonly string[] = []
  #table: Table = new Uint16Array(0)

  constructor(settings: Settings) {
    this.#settings = settings
  }

  pick(endpoints: readonly Endpoint[], exchange: Exchange): Endpoint {
    if (endpoints !== this.#list) this.update(endpoints)
    const { hash, tableSize, maxLoad, random } = this.#settings
    const hashed = hash(exchange)
    const place = hashed === undefined ? Math.floor(random() * tableSize) : placeOf(hashed, tableSize)
    if (exchange.tried.length === 0 && maxLoad === Infinity) return this.#at(place)
    return this.#from(place, exchange.tried)
  }

  update(endpoints: readonly Endpoint[]): void {
    this.#list = endpoints
    this.#members = endpoints.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    const weights = this.#members.map(({ weight }) => weight)
    const ids = this.#members.map(({ id }) => id)
    if (areEqual(ids, this.#ids) && areEqual(weights, this.#weights)) return
    this.#ids = ids
    this.#weights = weights
    this.#weight = weights.reduce((sum, weight) => sum + weight, 0)
    this.#table = tableOf(this.#members, this.#settings.tableSize)
  }

  #at(place: number): Endpoint {
    return this.#members[this.#table[place] as number] as Endpoint
  }

  /** The first from this place on that was not tried and has room; if there is none near, the one that it belongs to. */
  #from(place: number, tried: readonly Endpoint[]): Endpoint {
    const { tableSize, maxLoad } = this.#settings
    const loadPerWeight = maxLoad === Infinity ? Infinity : (maxLoad * (this.#inFlight() + 1)) / this.#weight
    for (let look = 0; look < maxLooks; look++) {
      const endpoint = this.#at((place + look) % tableSize)
      if (!tried.includes(endpoint) && endpoint.inFlight < Math.ceil(loadPerWeight * endpoint.weight)) return endpoint
    }
    return this.#at(place)
  }

  #inFlight(): number {
    let sum = 0
    for (const { inFlight } of this.#list) sum += inFlight
    return sum
  }
}

function areEqual<T>(some: readonly T[], others: readonly T[]): boolean {
  return some.length === others.length && some.every((one, i) => one === others[i])
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false
  return true
}
