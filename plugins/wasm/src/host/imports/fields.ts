// Host functions for maps of header fields.
import type { FieldMap } from '../field-map.ts'
import { decodePairs, encodePairs } from '../pairs.ts'
import { Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { contextOf, give, giveText, takeBytes, takeName, takeText, type HostFunctions } from './host-function.ts'

const lastMap = 7
/** So many fields go with the call. */
const fewFields = 32
/** Fuel for each field of a map that has more, as a power of 2: they are looked at one by one. */
const fuelPerField = 4
/** The same for each text of a list of them all. */
const fuelPerListed = 5

/**
 * @param reportsMissing false for ABI 0.1.0, where a field that is not there is an empty one
 * @param emptiesRemoved a field that is removed stays as an empty one
 */
export function fieldFunctions(vm: Vm, reportsMissing: boolean, emptiesRemoved = false): HostFunctions {
  return functionsOf(new FieldCalls(vm, reportsMissing, emptiesRemoved))
}

function functionsOf(calls: FieldCalls): HostFunctions {
  return {
    proxy_get_header_map_size: (type: number, sizeAt: number) => calls.size(type, sizeAt),
    proxy_get_header_map_pairs: (type: number, addressAt: number, lengthAt: number) => calls.pairs(type, addressAt, lengthAt),
    proxy_set_header_map_pairs: (type: number, at: number, length: number) => calls.replaceAll(type, at, length),
    proxy_get_header_map_value: (type: number, nameAt: number, nameLength: number, addressAt: number, lengthAt: number) => calls.value(type, nameAt, nameLength, addressAt, lengthAt),
    proxy_add_header_map_value: (type: number, nameAt: number, nameLength: number, valueAt: number, valueLength: number) => calls.append(type, nameAt, nameLength, valueAt, valueLength),
    proxy_replace_header_map_value: (type: number, nameAt: number, nameLength: number, valueAt: number, valueLength: number) => calls.set(type, nameAt, nameLength, valueAt, valueLength),
    proxy_remove_header_map_value: (type: number, nameAt: number, nameLength: number) => calls.delete(type, nameAt, nameLength),
  }
}

/** hot: methods, as what a closure sees costs the way through its contexts at each use (bench host). */
class FieldCalls {
  readonly #vm: Vm
  readonly #reportsMissing: boolean
  readonly #emptiesRemoved: boolean

  constructor(vm: Vm, reportsMissing: boolean, emptiesRemoved: boolean) {
    this.#vm = vm
    this.#reportsMissing = reportsMissing
    this.#emptiesRemoved = emptiesRemoved
  }

  size(type: number, sizeAt: number): Status {
    const fields = this.#map(type, false)
    if (typeof fields === 'number') return Status.badArgument
    this.#vm.memory.setU32(sizeAt >>> 0, this.#listed(fields).reduce((sum, text) => sum + text.length, 0))
    return Status.ok
  }

  pairs(type: number, addressAt: number, lengthAt: number): Status {
    const fields = this.#map(type, false)
    if (fields === Status.badArgument && !isMap(type)) return Status.badArgument
    return give(this.#vm, typeof fields === 'number' ? encodePairs([]) : encodePairs(this.#listed(fields)), addressAt, lengthAt)
  }

  replaceAll(type: number, at: number, length: number): Status {
    const list = decodePairs(takeBytes(this.#vm, at, length))
    const fields = this.#map(type, true)
    if (typeof fields === 'number') return Status.badArgument
    fields.replaceAll(list)
    return Status.ok
  }

  value(type: number, nameAt: number, nameLength: number, addressAt: number, lengthAt: number): Status {
    const name = takeName(this.#vm, nameAt, nameLength)
    const fields = this.#map(type, false)
    if (typeof fields === 'number') return fields === Status.notFound ? this.#missing(addressAt, lengthAt) : fields
    const value = fields.get(name)
    return value === undefined ? this.#missing(addressAt, lengthAt) : giveText(this.#vm, value, addressAt, lengthAt)
  }

  append(type: number, nameAt: number, nameLength: number, valueAt: number, valueLength: number): Status {
    const name = takeName(this.#vm, nameAt, nameLength)
    const value = takeText(this.#vm, valueAt, valueLength)
    const fields = this.#map(type, true)
    return typeof fields !== 'number' && fields.append(name, value) ? Status.ok : Status.badArgument
  }

  set(type: number, nameAt: number, nameLength: number, valueAt: number, valueLength: number): Status {
    const name = takeName(this.#vm, nameAt, nameLength)
    const value = takeText(this.#vm, valueAt, valueLength)
    const fields = this.#map(type, true)
    return typeof fields !== 'number' && fields.set(name, value) ? Status.ok : Status.badArgument
  }

  delete(type: number, nameAt: number, nameLength: number): Status {
    const name = takeName(this.#vm, nameAt, nameLength)
    const fields = this.#map(type, true)
    if (typeof fields === 'number') return Status.badArgument
    if (this.#emptiesRemoved && canBeEmpty(name) && fields.get(name) !== undefined) return fields.set(name, '') ? Status.ok : Status.badArgument
    fields.delete(name)
    return Status.ok
  }

  #map(type: number, writing: boolean): FieldMap | Status {
    if (!isMap(type)) return Status.badArgument
    const fields = contextOf(this.#vm).fields(type, writing)
    if (typeof fields !== 'number' && fields.size > fewFields) this.#vm.burn(fields.size << fuelPerField)
    return fields
  }

  #listed(fields: FieldMap): string[] {
    const list = fields.list()
    this.#vm.burn(list.length << fuelPerListed)
    return list
  }

  #missing(addressAt: number, lengthAt: number): Status {
    return this.#reportsMissing ? Status.notFound : giveText(this.#vm, '', addressAt, lengthAt)
  }
}

function isMap(type: number): boolean {
  return type >= 0 && type <= lastMap
}

/** Not what HTTP is made of. */
function canBeEmpty(name: string): boolean {
  return !name.startsWith(':') && name !== 'host' && name !== 'content-length'
}
