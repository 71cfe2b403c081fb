// Host functions for bodies, messages and configurations.
import { Buffer } from 'node:buffer'
import { BufferType, Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { contextOf, give, takeBytes, type HostFunctions } from './host-function.ts'

const lastBuffer = 8
/** Bodies and data; what comes behind them is only read. */
const lastWritable = 3
const nothing = new Uint8Array(0)
/** How many bytes are put together for a unit of fuel, as a power of 2. */
const bytesPerFuel = 2

/** What there is to read; a body that is not there is an empty one, as is any buffer but an answer to a call and a configuration. */
function readable(vm: Vm, type: number): Uint8Array | undefined {
  const buffer = contextOf(vm).buffer(type)
  if (buffer !== undefined) return buffer.bytes
  return type === BufferType.callBody || type === BufferType.pluginConfiguration ? undefined : nothing
}

export function bufferFunctions(vm: Vm): HostFunctions {
  return {
    proxy_get_buffer_bytes(type: number, start: number, most: number, addressAt: number, lengthAt: number) {
      if (type < 0 || type > lastBuffer) return Status.badArgument
      const bytes = readable(vm, type)
      if (bytes === undefined) return Status.notFound
      const from = Math.min(start >>> 0, bytes.byteLength)
      const to = Math.min(from + (most >>> 0), bytes.byteLength)
      return give(vm, bytes.subarray(from, to), addressAt, lengthAt)
    },
    proxy_get_buffer_status(type: number, lengthAt: number, flagsAt: number) {
      if (type < 0 || type > lastBuffer) return Status.badArgument
      const bytes = readable(vm, type)
      if (bytes === undefined) return Status.notFound
      vm.memory.setU32(lengthAt >>> 0, bytes.byteLength)
      vm.memory.setU32(flagsAt >>> 0, 0)
      return Status.ok
    },
    proxy_set_buffer_bytes(type: number, start: number, length: number, at: number, size: number) {
      const bytes = takeBytes(vm, at, size)
      if (type === BufferType.callBody && contextOf(vm).buffer(type) === undefined) return Status.notFound
      if (type < 0 || type > lastWritable) return Status.badArgument
      const buffer = contextOf(vm).buffer(type)
      if (buffer?.write === undefined) return Status.badArgument
      vm.burn(buffer.bytes.byteLength >>> bytesPerFuel)
      const changed = changedBytes(buffer.bytes, start >>> 0, length >>> 0, bytes)
      if (changed === undefined) return Status.badArgument
      buffer.write(changed)
      return Status.ok
    },
    proxy_get_configuration(addressAt: number, lengthAt: number) {
      return give(vm, contextOf(vm).root.configuration, addressAt, lengthAt)
    },
  }
}

/** At the beginning: in place of the first bytes, or before them; behind the end: appended. In between there is no way. */
function changedBytes(old: Uint8Array, start: number, length: number, bytes: Buffer): Buffer | undefined {
  if (start === 0) return Buffer.concat([bytes, old.subarray(Math.min(length, old.byteLength))])
  return start >= old.byteLength ? Buffer.concat([old, bytes]) : undefined
}
