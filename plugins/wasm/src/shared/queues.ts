// Queues between guests, in every thread: which there are, what waits in them, and who is told.
//
// A queue is a name in a table, whose number is its id, and a ring of records. Each message adds one to the queue's count of
// signals. Who has registered the queue last is told once for each of them, whichever thread it is in: a word of 64 bits says
// who that is and from which signal on, so that the one before tells those before, and nobody tells any twice.

import { Buffer } from 'node:buffer'
import { setImmediate } from 'node:timers/promises'
import { Status } from '../host/status.ts'
import type { SharedQueues } from '../host/surroundings.ts'
import { Ring } from './ring.ts'
import { SharedTable } from './table.ts'
import { lowHalf, Words } from './words.ts'

/** Queues that there can be. A power of 2. */
const maxQueues = 256
/** Messages that can wait in one of them: 4096. */
const ringBits = 12
const ringBytes = 8 * 2 ** ringBits
/** Of each queue: who is told (8 bytes), signals (4), and the ring's counts (8). */
const headBytes = 64
const signalsAt = 8
const countsAt = 16
/** How many signals are passed on in one turn of the event loop. */
const signalsPerTurn = 100

/** The last number of those who listen, the queues' heads, their rings, and names and messages. */
const headsAt = 64
const ringsAt = headsAt + maxQueues * headBytes
const tableAt = ringsAt + maxQueues * ringBytes

/** Memory for the queues of all VM ids of a process: 8 MiB for rings, the rest for messages. */
export const queueBytes: number = 16 * 1_048_576

/** Who is told of one queue's messages. */
interface Listener {
  readonly slot: number
  /** What it is called in the memory: in each thread another one. */
  readonly number: number
  readonly ready: (id: number) => void
  seen: number
  /** It was told so far, and hears of the last signals that are its own. */
  owns: boolean
  stopped: boolean
}

export class TableQueues implements SharedQueues {
  readonly #memory: SharedArrayBuffer
  readonly #table: SharedTable
  readonly #owners: Words
  readonly #ints: Int32Array<SharedArrayBuffer>
  readonly #full: () => void
  readonly #rings = new Map<number, Ring>()
  readonly #listeners = new Set<Listener>()

  /** @param full called when there is no room for a message */
  constructor(memory: SharedArrayBuffer, full: () => void) {
    this.#memory = memory
    this.#table = new SharedTable(memory, { at: tableAt, bytes: memory.byteLength - tableAt, slots: maxQueues })
    this.#owners = new Words(memory, headsAt, (maxQueues * headBytes) / 8)
    this.#ints = new Int32Array(memory)
    this.#full = full
  }

  register(vmId: string, name: string, ready: (id: number) => void): number | undefined {
    const slot = this.#enter(`${vmId}\0${name}`)
    if (slot < 0) return undefined
    for (const known of this.#listeners) if (known.slot === slot && known.ready === ready) return this.#own(known)
    const listener: Listener = { slot, number: this.#newNumber(), ready, seen: 0, owns: false, stopped: false }
    this.#listeners.add(listener)
    this.#own(listener)
    void this.#listen(listener)
    return slot + 1
  }

  resolve(vmId: string, name: string): number | undefined {
    const slot = this.#table.slotOf(`${vmId}\0${name}`)
    return slot < 0 ? undefined : slot + 1
  }

  enqueue(id: number, message: Buffer): Status {
    const slot = id - 1
    if (!this.#table.has(slot)) return Status.notFound
    const record = this.#table.record(message)
    if (record < 0) return this.#isFull()
    if (!this.#ring(slot).put(record)) {
      this.#table.free(record)
      return this.#isFull()
    }
    const at = signalsOf(slot)
    Atomics.add(this.#ints, at, 1)
    Atomics.notify(this.#ints, at)
    return Status.ok
  }

  dequeue(id: number): Buffer | Status {
    const slot = id - 1
    if (!this.#table.has(slot)) return Status.notFound
    const record = this.#ring(slot).take()
    return record < 0 ? Status.empty : this.#table.takeRecord(record)
  }

  unregister(ready: (id: number) => void): void {
    for (const listener of this.#listeners) if (listener.ready === ready) this.#stop(listener)
  }

  /** Nobody is told anything any more. */
  close(): void {
    for (const listener of this.#listeners) this.#stop(listener)
  }

  /** The number of a name; -1: there are too many. */
  #enter(key: string): number {
    const slot = this.#table.slotOf(key)
    if (slot >= 0) return slot
    this.#table.set(key, nothing, 0)
    return this.#table.slotOf(key)
  }

  #newNumber(): number {
    for (;;) {
      const number = (Atomics.add(this.#ints, 0, 1) + 1) >>> 0
      if (number !== none) return number
    }
  }

  #ring(slot: number): Ring {
    const known = this.#rings.get(slot) ?? new Ring(this.#memory, headsAt + slot * headBytes + countsAt, ringsAt + slot * ringBytes, ringBits)
    this.#rings.set(slot, known)
    return known
  }

  #signals(slot: number): number {
    return Atomics.load(this.#ints, signalsOf(slot))
  }

  /** From the next signal on, this one is told. The one before learns of it when it is woken. */
  #own(listener: Listener): number {
    const { slot, number } = listener
    this.#owners.load(ownerOf(slot))
    if (this.#owners.low !== number) {
      listener.seen = this.#signals(slot)
      listener.owns = true
      this.#owners.store(ownerOf(slot), listener.seen >>> 0, number)
    }
    this.#wake(slot)
    return slot + 1
  }

  /** Those who wait for signals, and those who wait to be the one who is told. */
  #wake(slot: number): void {
    Atomics.notify(this.#ints, signalsOf(slot))
    Atomics.notify(this.#ints, ownerHalf(slot))
  }

  #stop(listener: Listener): void {
    const { slot, number } = listener
    listener.stopped = true
    this.#listeners.delete(listener)
    const word = this.#owners.load(ownerOf(slot))
    if (this.#owners.low === number) this.#owners.swap(ownerOf(slot), word, listener.seen >>> 0, none)
    this.#wake(slot)
  }

  /** Passes signals on while it is the one who is told, and waits for its turn otherwise. */
  async #listen(listener: Listener): Promise<void> {
    const at = ownerOf(listener.slot)
    while (!listener.stopped) {
      const signals = this.#signals(listener.slot)
      const word = this.#owners.load(at)
      const { high: since, low: owner } = this.#owners
      if (owner === listener.number) {
        await this.#tell(listener, signals)
        await this.#wait(signalsOf(listener.slot), signals)
        continue
      }
      if (listener.owns) await this.#tell(listener, since)
      listener.owns = false
      if (owner !== none) await this.#wait(ownerHalf(listener.slot), owner | 0)
      else if (this.#owners.swap(at, word, since, listener.number)) this.#follow(listener, since)
    }
  }

  /** The one who was told has gone: goes on where it has stopped. */
  #follow(listener: Listener, since: number): void {
    listener.seen = since | 0
    listener.owns = true
  }

  async #wait(at: number, value: number): Promise<void> {
    const { async: mustWait, value: woken } = Atomics.waitAsync(this.#ints, at, value)
    if (mustWait) await woken
  }

  async #tell(listener: Listener, upTo: number): Promise<void> {
    let told = 0
    while (((upTo - listener.seen) | 0) > 0 && !listener.stopped) {
      // Never inside of the guest that has put the message, and not without end in one turn.
      if (told++ % signalsPerTurn === 0) await setImmediate(undefined, { ref: false })
      if (listener.stopped) return
      listener.seen = (listener.seen + 1) | 0
      listener.ready(listener.slot + 1)
    }
  }

  #isFull(): Status {
    this.#full()
    return Status.internalFailure
  }
}

/** The number of nobody. */
const none = 0
const nothing = Buffer.alloc(0)

/** In words of 64 bits, from the first head on. */
function ownerOf(slot: number): number {
  return (slot * headBytes) / 8
}

/** Who is told, in words of 32 bits. */
function ownerHalf(slot: number): number {
  return headsAt / 4 + ownerOf(slot) * 2 + lowHalf
}

function signalsOf(slot: number): number {
  return (headsAt + slot * headBytes + signalsAt) / 4
}

