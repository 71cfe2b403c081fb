// Host functions that are in no ABI: FastEdge's, which look up what its users have told it.
import { Status } from '../status.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Vm } from '../vm.ts'
import { give, takeBytes, type HostFunction } from './host-function.ts'

/** The dictionary is the environment, without its limits; secrets and stores are not there, which a guest of FastEdge is prepared for. */
export function functionBeyond(vm: Vm, { settings: { environment } }: Surroundings, name: string): HostFunction {
  if (name !== 'proxy_dictionary_get') return () => Status.notFound
  const values = new Map(Object.entries(environment))
  return (keyAt: number, keyLength: number, addressAt: number, lengthAt: number) => {
    const value = values.get(takeBytes(vm, keyAt, keyLength).toString())
    return value === undefined ? Status.notFound : give(vm, Buffer.from(value), addressAt, lengthAt)
  }
}
