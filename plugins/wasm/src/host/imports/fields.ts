// Host functions for maps of header fields.
import type { FieldMap } from '../field-map.ts'
import { decodePairs, encodePairs } from '../pairs.ts'
import { Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { contextOf, give, giveText, takeBytes, takeName, takeText, type HostFunctions } from './host-function.ts'

const lastMap = 7

/**
 * @param reportsMissing false for ABI 0.1.0, where a field that is not there is an empty one
 * @param emptiesRemoved a field that is removed stays as an empty one
 */
export function fieldFunctions(vm: Vm, reportsMissing: boolean, emptiesRemoved = false): HostFunctions {
  const map = (type: number, writing: boolean): FieldMap | Status => {
    if (type < 0 || type > lastMap) return Status.badArgument
    const fields = contextOf(vm).fields(type, writing)
    if (fields === 'forbidden') return Status.badArgument
    return fields === 'absent' ? Status.notFound : fields
  }
  /** What can be changed, changed; a field that HTTP cannot carry is a bad argument. */
  const change = (type: number, work: (fields: FieldMap) => boolean): Status => {
    const fields = map(type, true)
    if (typeof fields === 'number') return Status.badArgument
    return work(fields) ? Status.ok : Status.badArgument
  }
  const missing = (addressAt: number, lengthAt: number): Status => (reportsMissing ? Status.notFound : giveText(vm, '', addressAt, lengthAt))
  return {
    proxy_get_header_map_size(type: number, sizeAt: number) {
      const fields = map(type, false)
      if (typeof fields === 'number') return Status.badArgument
      vm.memory.setU32(sizeAt >>> 0, fields.list().reduce((sum, text) => sum + text.length, 0))
      return Status.ok
    },
    proxy_get_header_map_pairs(type: number, addressAt: number, lengthAt: number) {
      const fields = map(type, false)
      if (fields === Status.badArgument && (type < 0 || type > lastMap)) return Status.badArgument
      return give(vm, typeof fields === 'number' ? encodePairs([]) : encodePairs(fields.list()), addressAt, lengthAt)
    },
    proxy_set_header_map_pairs(type: number, at: number, length: number) {
      const list = decodePairs(takeBytes(vm, at, length))
      return change(type, (fields) => {
        fields.replaceAll(list)
        return true
      })
    },
    proxy_get_header_map_value(type: number, nameAt: number, nameLength: number, addressAt: number, lengthAt: number) {
      const name = takeName(vm, nameAt, nameLength)
      const fields = map(type, false)
      if (fields === Status.notFound) return missing(addressAt, lengthAt)
      if (typeof fields === 'number') return fields
      const value = fields.get(name)
      return value === undefined ? missing(addressAt, lengthAt) : giveText(vm, value, addressAt, lengthAt)
    },
    proxy_add_header_map_value(type: number, nameAt: number, nameLength: number, valueAt: number, valueLength: number) {
      const name = takeName(vm, nameAt, nameLength)
      const value = takeText(vm, valueAt, valueLength)
      return change(type, (fields) => fields.append(name, value))
    },
    proxy_replace_header_map_value(type: number, nameAt: number, nameLength: number, valueAt: number, valueLength: number) {
      const name = takeName(vm, nameAt, nameLength)
      const value = takeText(vm, valueAt, valueLength)
      return change(type, (fields) => fields.set(name, value))
    },
    proxy_remove_header_map_value(type: number, nameAt: number, nameLength: number) {
      const name = takeName(vm, nameAt, nameLength)
      return change(type, (fields) => {
        if (emptiesRemoved && canBeEmpty(name) && fields.get(name) !== undefined) return fields.set(name, '')
        fields.delete(name)
        return true
      })
    },
  }
}

/** Not what HTTP is made of. */
function canBeEmpty(name: string): boolean {
  return !name.startsWith(':') && name !== 'host' && name !== 'content-length'
}
