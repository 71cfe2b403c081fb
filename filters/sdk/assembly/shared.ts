// What all VMs with the same id share, in every thread of the proxy: values under keys, and queues.
import {
  proxy_dequeue_shared_queue,
  proxy_enqueue_shared_queue,
  proxy_get_shared_data,
  proxy_register_shared_queue,
  proxy_resolve_shared_queue,
  proxy_set_shared_data,
} from './abi'
import { toBytes } from './bytes'
import { begin, put, putAt, slot, takeBytes } from './memory'

/** A value, and the version that a change of it must name. */
export class SharedValue {
  constructor(public bytes: Uint8Array, public version: u32) {}
}

/** The version of a value that must not be there yet: no host hands it out. */
const absent: u32 = u32.MAX_VALUE

export namespace shared {
  /** Null: there is none. */
  export function get(key: string): SharedValue | null {
    begin()
    const length = put(key)
    if (proxy_get_shared_data(putAt, length, slot, slot + 4, slot + 8) != 0) return null
    const version = load<u32>(slot, 8)
    return new SharedValue(takeBytes(), version)
  }

  /**
   * Sets a text or bytes.
   * @param version of the value it replaces; 0: whatever is there
   * @returns false: another VM was faster, or the host has no room
   */
  export function set<T>(key: string, value: T, version: u32 = 0): bool {
    const bytes = toBytes(value)
    begin()
    const length = put(key)
    return proxy_set_shared_data(putAt, length, bytes.dataStart, bytes.length, version) == 0
  }

  /**
   * Changes a value as if nobody else did: reads, changes, writes, and begins again when another VM was faster.
   * @param context what `change` needs; a function here cannot see the variables around it
   * @param change of the old value (null: there was none) makes the new one; null: leave it as it is
   * @param tries 1.. Default 16
   * @returns whether the last answer of `change` is what counts: written, or left as it is
   */
  export function update<C>(key: string, context: C, change: (old: Uint8Array | null, context: C) => Uint8Array | null, tries: i32 = 16): bool {
    for (let i = 0; i < tries; i++) {
      const old = get(key)
      const changed = change(old == null ? null : old.bytes, context)
      if (changed == null) return true
      if (set(key, changed, old == null ? absent : old.version)) return true
    }
    return false
  }
}

/** A queue between VMs. Who opens it is told of messages in the plugin's `onQueue`. */
export class Queue {
  private constructor(public id: u32) {}

  /** Makes it or finds it, and takes its messages from now on. Null: the host has no room. */
  static open(name: string): Queue | null {
    begin()
    const length = put(name)
    return proxy_register_shared_queue(putAt, length, slot) == 0 ? new Queue(load<u32>(slot)) : null
  }

  /** One that somebody has opened, to write into. @param vmId empty: that of this VM */
  static find(name: string, vmId: string = ''): Queue | null {
    begin()
    const vmLength = put(vmId)
    const vmAt = putAt
    const length = put(name)
    return proxy_resolve_shared_queue(vmAt, vmLength, putAt, length, slot) == 0 ? new Queue(load<u32>(slot)) : null
  }

  /** The one that `onQueue` was told of. */
  static of(id: u32): Queue {
    return new Queue(id)
  }

  /** Adds a text or bytes. @returns whether there was room */
  push<T>(message: T): bool {
    const bytes = toBytes(message)
    return proxy_enqueue_shared_queue(this.id, bytes.dataStart, bytes.length) == 0
  }

  /** The oldest message. Null: there is none. */
  pop(): Uint8Array | null {
    begin()
    return proxy_dequeue_shared_queue(this.id, slot, slot + 4) == 0 ? takeBytes() : null
  }
}
