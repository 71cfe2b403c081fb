// The foreign functions `compress` and `uncompress`: zlib, as Envoy's.
import { deflateSync, inflateSync } from 'node:zlib'
import { Status } from '../status.ts'
import type { HostForeignFunction } from './table.ts'

/** What an answer may have. Bytes. */
const maxBytes = 16 * 1024 * 1024
/** Fuel for a compressor, and for each byte that it takes: about what they take, in nanoseconds. */
const compressFuel = 30_000
const compressByteFuel = 20
/** The same for the other way, where what counts are the bytes that come out. */
const uncompressFuel = 4_000
const uncompressByteFuel = 1

export const compress: HostForeignFunction = (argument, vm) => {
  vm.burn(compressFuel + argument.byteLength * compressByteFuel)
  return deflateSync(argument)
}

export const uncompress: HostForeignFunction = (argument, vm) => {
  vm.burn(uncompressFuel)
  const bytes = inflated(argument)
  if (bytes === undefined) return Status.serializationFailure
  vm.burn(bytes.byteLength * uncompressByteFuel)
  return bytes
}

/** Undefined: whatever zlib says, a guest only knows that it is no zlib stream, or too long a one. */
function inflated(argument: Uint8Array): Uint8Array | undefined {
  try {
    return inflateSync(argument, { maxOutputLength: maxBytes })
  } catch {
    return undefined
  }
}
