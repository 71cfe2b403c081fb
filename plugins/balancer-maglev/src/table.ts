// The table of Maglev: for each place the endpoint it belongs to, shared by weight, and much the same when endpoints come and go.
import { fnv1a, placeOf } from './hash.ts'

/** What a table is made of. */
export interface Member {
  /** Decides which places it likes best. */
  readonly id: string
  /** More than 0. */
  readonly weight: number
}

/** By place, the index of a member. */
export type Table = Uint16Array | Uint32Array

/**
 * Members take turns in choosing a place, heavier ones more often; each has an order of its own in which it likes the places,
 * and takes the first that is free. When one is gone, the others mostly choose as before.
 *
 * A member whose part is less than half a place gets none.
 * @param members in an order that does not depend on where they come from; one or more
 * @param size a prime number, so that every order comes past every place
 * @source Eisenbud and others, Maglev: a fast and reliable software network load balancer, 2016, §3.4; weights as in Envoy: turns in proportion
 */
export function tableOf(members: readonly Member[], size: number): Table {
  const count = members.length
  const table = count < 0xffff ? new Uint16Array(size).fill(0xffff) : new Uint32Array(size).fill(0xffff_ffff)
  const free = table[0] as number
  const turns = new Turns(members, size)
  const next = Uint32Array.from(members, ({ id }) => placeOf(fnv1a(id), size))
  const steps = Uint32Array.from(members, ({ id }) => 1 + placeOf(fnv1a(id, seedOfSteps), size - 1))
  for (let filled = 0; filled < size; filled++) {
    const member = turns.next()
    const step = steps[member] as number
    let place = next[member] as number
    while (table[place] !== free) place = place + step < size ? place + step : place + step - size
    table[place] = member
    next[member] = place
  }
  return table
}

/** Any number: it makes a second hash of the same name. */
const seedOfSteps = 0x5bd1e995

/**
 * Whose turn it is. The heaviest has one in each round, one of half its weight in every second. Members wait in a chain for
 * the round they are due in, so a turn costs the same for any weights.
 */
class Turns {
  readonly #rounds: number
  /** The interval between two turns, in rounds. */
  readonly #intervals: Float64Array
  /** When each would be due, were there parts of rounds. */
  readonly #due: Float64Array
  /** The first of the chain of each round, and who follows whom; -1: nobody. */
  readonly #first: Int32Array
  readonly #following: Int32Array
  #round = 0
  #member = -1

  constructor(members: readonly Member[], size: number) {
    const heaviest = members.reduce((most, { weight }) => Math.max(most, weight), 0)
    this.#rounds = size
    this.#intervals = Float64Array.from(members, ({ weight }) => heaviest / weight)
    this.#due = this.#intervals.map((interval) => interval / 2)
    this.#first = new Int32Array(size + 1).fill(-1)
    this.#following = new Int32Array(members.length)
    for (let member = members.length - 1; member >= 0; member--) this.#await(member)
  }

  next(): number {
    while (this.#member < 0) this.#member = this.#first[++this.#round] as number
    const member = this.#member
    this.#member = this.#following[member] as number
    this.#due[member] = (this.#due[member] as number) + (this.#intervals[member] as number)
    this.#await(member)
    return member
  }

  #await(member: number): void {
    const round = Math.ceil(this.#due[member] as number)
    // The table is full by then.
    if (round > this.#rounds) return
    this.#following[member] = this.#first[round] as number
    this.#first[round] = member
  }
}
