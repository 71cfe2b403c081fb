// Host functions for log lines and the time.
import { LogLevel, Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { burnBytes, type HostFunctions } from './host-function.ts'
import type { Surroundings } from '../surroundings.ts'

/** What is taken of one line. */
export const maxLineBytes = 16_384

/** Fuel for a line that is written. */
export const lineFuel = 4_000

/** Where the plugin logs that runs now: several may share a VM. */
export function loggedTo(vm: Vm): Surroundings {
  return vm.current?.root.surroundings ?? vm.surroundings
}

export function loggingFunctions(vm: Vm): HostFunctions {
  return {
    proxy_log(level: number, at: number, length: number) {
      if (level < LogLevel.trace || level > LogLevel.critical) return Status.badArgument
      burnBytes(vm, length >>> 0)
      const { memory } = vm
      // The bounds are checked even if nobody reads it: a guest relies on the status.
      memory.check(at >>> 0, length >>> 0)
      const surroundings = loggedTo(vm)
      if (level < surroundings.logLevel) return Status.ok
      vm.burn(lineFuel)
      const line = memory.utf8(at >>> 0, Math.min(length >>> 0, maxLineBytes))
      surroundings.log(level, line)
      if (level >= LogLevel.error) vm.current?.root.complained(line)
      return Status.ok
    },
    proxy_get_log_level(levelAt: number) {
      vm.memory.setU32(levelAt >>> 0, loggedTo(vm).logLevel)
      return Status.ok
    },
    proxy_get_current_time_nanoseconds(at: number) {
      vm.memory.setU64(at >>> 0, loggedTo(vm).now())
      return Status.ok
    },
  }
}
