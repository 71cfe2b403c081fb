// Host functions that are in no ABI: FastEdge's, which look up what its users have told it.
import { LogLevel, Status } from '../status.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Vm } from '../vm.ts'
import { give, takeBytes, type HostFunction } from './host-function.ts'
import { lineFuel, loggedTo, maxLineBytes } from './logging.ts'

/** Secrets and stores are not there, which a guest of FastEdge is prepared for. */
export function functionBeyond(vm: Vm, { settings: { environment } }: Surroundings, name: string): HostFunction {
  switch (name) {
    case 'proxy_dictionary_get':
      return lookUp(vm, environment)
    case 'stats_set_user_diag':
      return logDiagnosis(vm)
    default:
      return () => Status.notFound
  }
}

/** The dictionary is the environment, without its limits. */
function lookUp(vm: Vm, environment: Readonly<Record<string, string>>): HostFunction {
  const values = new Map(Object.entries(environment))
  return (keyAt: number, keyLength: number, addressAt: number, lengthAt: number) => {
    const value = values.get(takeBytes(vm, keyAt, keyLength).toString())
    return value === undefined ? Status.notFound : give(vm, Buffer.from(value), addressAt, lengthAt)
  }
}

/** What a guest finds out about itself; any other status would end it. */
function logDiagnosis(vm: Vm): HostFunction {
  return (at: number, length: number) => {
    const line = takeBytes(vm, at, Math.min(length >>> 0, maxLineBytes)).toString()
    const surroundings = loggedTo(vm)
    if (LogLevel.info < surroundings.logLevel) return Status.ok
    vm.burn(lineFuel)
    surroundings.log(LogLevel.info, line)
    return Status.ok
  }
}
