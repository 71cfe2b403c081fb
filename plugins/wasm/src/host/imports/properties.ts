// Host functions for properties, and for functions that plugins offer to guests.
import { isReadOnly } from '../foreign/declared-properties.ts'
import { callHostForeign } from '../foreign/table.ts'
import { Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { contextOf, give, takeBytes, takeText, type HostFunctions } from './host-function.ts'

/** Fuel for working a property out. */
const propertyFuel = 1_000
/** Fuel for finding a function and reading what it is given. */
const foreignFuel = 2_000
const nothing = new Uint8Array(0)

export function propertyFunctions(vm: Vm): HostFunctions {
  return {
    proxy_get_property(pathAt: number, pathLength: number, addressAt: number, lengthAt: number) {
      vm.burn(propertyFuel)
      const value = contextOf(vm).property(segmentsOf(takeText(vm, pathAt, pathLength)))
      return value === undefined ? Status.notFound : give(vm, value, addressAt, lengthAt)
    },
    proxy_set_property(pathAt: number, pathLength: number, valueAt: number, valueLength: number) {
      vm.burn(propertyFuel)
      const segments = segmentsOf(takeText(vm, pathAt, pathLength))
      const path = segments.join('.')
      const context = contextOf(vm)
      if (isReadOnly(context.root, path) && context.property(segments) !== undefined) return Status.badArgument
      return context.setProperty(path, takeBytes(vm, valueAt, valueLength))
    },
    proxy_call_foreign_function(nameAt: number, nameLength: number, argumentAt: number, argumentLength: number, addressAt: number, lengthAt: number) {
      vm.burn(foreignFuel)
      const name = takeText(vm, nameAt, nameLength)
      const argument = takeBytes(vm, argumentAt, argumentLength)
      const context = contextOf(vm)
      if (name === 'clear_route_cache') context.clearRouteCache()
      const result = name === 'clear_route_cache' ? Status.ok : (callHostForeign(name, argument, vm) ?? context.root.surroundings.foreign(name)?.(argument))
      if (result === undefined) return Status.notFound
      if (typeof result === 'number' && result !== Status.ok) return result
      // Nobody wants to know.
      if (addressAt === 0 && lengthAt === 0) return Status.ok
      return give(vm, typeof result === 'number' ? nothing : result, addressAt, lengthAt)
    },
  }
}

/** SDKs join the segments by NUL, some with one behind the last. */
function segmentsOf(path: string): string[] {
  const segments = path.split('\0')
  if (segments.length > 1 && segments.at(-1) === '') segments.pop()
  return segments
}
