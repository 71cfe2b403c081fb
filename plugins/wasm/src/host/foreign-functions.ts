// Functions beyond the ABI that guests call by name: those that Envoy has and that need nothing else, and those of plugins.
import type { Buffer } from 'node:buffer'
import { deflateSync, inflateSync } from 'node:zlib'
import { Status } from './status.ts'
import type { ForeignFunction } from './surroundings.ts'

const maxBytes = 16 * 1024 * 1024

/** zlib, as Envoy's. */
const builtIn: Readonly<Record<string, ForeignFunction>> = {
  compress: (argument: Buffer) => deflateSync(argument),
  uncompress(argument: Buffer) {
    try {
      return inflateSync(argument, { maxOutputLength: maxBytes })
    } catch {
      // Whatever zlib says, a guest only knows that it is no zlib stream, or too long a one.
      return Status.serializationFailure
    }
  },
}

const added = new Map<string, ForeignFunction>()

/** Lets guests call a function by name. A second one of the same name takes its place. */
export function provideForeignFunction(name: string, work: ForeignFunction): void {
  added.set(name, work)
}

export function foreignFunction(name: string): ForeignFunction | undefined {
  return added.get(name) ?? (Object.hasOwn(builtIn, name) ? builtIn[name] : undefined)
}
