// The WASI functions that SDKs need: log lines through standard output, clocks, chance, an environment. No files, no network.
import { Buffer } from 'node:buffer'
import { GuestExit } from '../failure.ts'
import { LogLevel } from '../status.ts'
import type { Surroundings } from '../surroundings.ts'
import type { Vm } from '../vm.ts'
import { lineFuel, loggedTo, maxLineBytes } from './logging.ts'
import { burnBytes, type HostFunctions } from './host-function.ts'

/** Error numbers of WASI preview 1. */
const errno = { success: 0, badf: 8, fault: 21, inval: 28, noent: 44, nosys: 52, notsup: 58 } as const

const maxRandomBytes = 65_536
const maxVectors = 1_024
/** Fuel for each of them. */
const vectorFuel = 200
/** Fuel for going to the source of chance, and for each byte from there. */
const randomFuel = 2_000
const randomByteFuel = 2

/** Functions that cannot do anything here, and what they answer. */
const refused: Readonly<Record<string, number>> = {
  fd_read: errno.nosys,
  fd_pread: errno.nosys,
  fd_prestat_dir_name: errno.nosys,
  fd_fdstat_set_flags: errno.nosys,
  fd_seek: errno.success,
  fd_close: errno.success,
  fd_advise: errno.success,
  fd_prestat_get: errno.badf,
  fd_filestat_get: errno.badf,
  path_open: errno.noent,
  sched_yield: errno.success,
}

/** Everything else that WASI names. */
const unsupported = [
  'fd_allocate', 'fd_datasync', 'fd_fdstat_set_rights', 'fd_filestat_set_size', 'fd_filestat_set_times', 'fd_pwrite', 'fd_readdir', 'fd_renumber', 'fd_sync', 'fd_tell',
  'path_create_directory', 'path_filestat_get', 'path_filestat_set_times', 'path_link', 'path_readlink', 'path_remove_directory', 'path_rename', 'path_symlink', 'path_unlink_file',
  'proc_raise', 'sock_accept', 'sock_recv', 'sock_send', 'sock_shutdown',
]

export function wasiFunctions(vm: Vm, surroundings: Surroundings): HostFunctions {
  const environment = Object.entries(surroundings.settings.environment).map(([name, value]) => Buffer.from(`${name}=${value}\0`))
  const fixed = Object.fromEntries([...Object.entries(refused), ...unsupported.map((name) => [name, errno.notsup] as const)].map(([name, answer]) => [name, () => answer]))
  return {
    ...fixed,
    fd_write(fd: number, vectorsAt: number, count: number, writtenAt: number) {
      if (fd !== 1 && fd !== 2) return errno.badf
      if (count >>> 0 > maxVectors) return errno.inval
      vm.burn((count >>> 0) * vectorFuel)
      const { memory } = vm
      const parts: Buffer[] = []
      let bytes = 0
      for (let i = 0; i < count; i++) {
        const length = memory.u32((vectorsAt >>> 0) + i * 8 + 4)
        const at = memory.u32((vectorsAt >>> 0) + i * 8)
        burnBytes(vm, length)
        memory.check(at, length)
        // A guest may name the same bytes again and again: no more is copied than one line has.
        if (bytes < maxLineBytes) parts.push(memory.copy(at, Math.min(length, maxLineBytes)))
        bytes += length
      }
      const level = fd === 1 ? LogLevel.info : LogLevel.error
      const to = loggedTo(vm)
      if (level >= to.logLevel && bytes > 0) {
        vm.burn(lineFuel)
        to.log(level, Buffer.concat(parts).toString('utf8').replace(/\n$/, '').slice(0, maxLineBytes))
      }
      memory.setU32(writtenAt >>> 0, bytes)
      return errno.success
    },
    fd_fdstat_get(fd: number, at: number) {
      if (fd !== 1 && fd !== 2) return errno.badf
      vm.memory.fill(at >>> 0, 24, 0)
      // The right to write, and no other.
      vm.memory.setU64((at >>> 0) + 8, 64n)
      return errno.success
    },
    clock_time_get(id: number, _precision: bigint, at: number) {
      if (id !== 0 && id !== 1) return errno.notsup
      vm.memory.setU64(at >>> 0, id === 0 ? surroundings.now() : surroundings.monotonic())
      return errno.success
    },
    clock_res_get(id: number, at: number) {
      if (id !== 0 && id !== 1) return errno.notsup
      vm.memory.setU64(at >>> 0, 1n)
      return errno.success
    },
    random_get(at: number, length: number) {
      if (length >>> 0 > maxRandomBytes) return errno.inval
      vm.burn(randomFuel + (length >>> 0) * randomByteFuel)
      const bytes = new Uint8Array(length >>> 0)
      surroundings.random(bytes)
      vm.memory.setBytes(at >>> 0, bytes)
      return errno.success
    },
    environ_sizes_get(countAt: number, bytesAt: number) {
      vm.memory.setU32(countAt >>> 0, environment.length)
      vm.memory.setU32(bytesAt >>> 0, environment.reduce((sum, { length }) => sum + length, 0))
      return errno.success
    },
    environ_get(listAt: number, bytesAt: number) {
      let at = bytesAt >>> 0
      environment.forEach((variable, i) => {
        vm.memory.setU32((listAt >>> 0) + i * 4, at)
        vm.memory.setBytes(at, variable)
        at += variable.length
      })
      return errno.success
    },
    args_sizes_get(countAt: number, bytesAt: number) {
      vm.memory.setU32(countAt >>> 0, 0)
      vm.memory.setU32(bytesAt >>> 0, 0)
      return errno.success
    },
    args_get: () => errno.success,
    poll_oneoff(_in: number, _out: number, _count: number, eventsAt: number) {
      vm.memory.setU32(eventsAt >>> 0, 0)
      return errno.success
    },
    proc_exit(code: number): void {
      vm.end(new GuestExit(code >>> 0))
    },
  }
}

/** What WASI answers for an address out of the memory, where proxy-wasm has a status of its own. */
export const wasiFault: number = errno.fault
/** What a WASI function answers that the operator has not allowed. */
export const wasiNotCapable: number = 76
