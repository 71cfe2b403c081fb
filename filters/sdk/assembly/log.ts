// Log lines, which cost nothing while their level is off.
import { proxy_get_log_level, proxy_log } from './abi'
import { Level } from './enums'
import { begin, put, putAt, slot } from './memory'

let least: i32 = Level.Info

/** Asks the host which lines it wants. The runtime does it when the VM starts, at each configuration and at each tick. */
export function readLevel(): void {
  begin()
  if (proxy_get_log_level(slot) == 0) least = load<u32>(slot)
}

/**
 * Writes into the log of the host. A statement `log.debug(…)` is compiled to one that first asks whether the level is on:
 * the line is not even built if nobody wants it.
 */
export namespace log {
  /** Whether lines of this level are wanted. */
  export function on(level: Level): bool {
    return level >= least
  }

  export function write(level: Level, line: string): void {
    if (level < least) return
    begin()
    const length = put(line)
    proxy_log(level, putAt, length)
  }

  export function trace(line: string): void {
    write(Level.Trace, line)
  }

  export function wantsTrace(): bool {
    return least <= Level.Trace
  }

  export function debug(line: string): void {
    write(Level.Debug, line)
  }

  export function wantsDebug(): bool {
    return least <= Level.Debug
  }

  export function info(line: string): void {
    write(Level.Info, line)
  }

  export function wantsInfo(): bool {
    return least <= Level.Info
  }

  export function warn(line: string): void {
    write(Level.Warn, line)
  }

  export function wantsWarn(): bool {
    return least <= Level.Warn
  }

  export function error(line: string): void {
    write(Level.Error, line)
  }

  export function wantsError(): bool {
    return least <= Level.Error
  }

  export function critical(line: string): void {
    write(Level.Critical, line)
  }

  export function wantsCritical(): bool {
    return least <= Level.Critical
  }
}
