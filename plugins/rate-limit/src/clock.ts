// One clock for all threads: performance.now() begins anew in each.
import type { Exchange } from '@meshwright/core'

/** Milliseconds since some moment that is the same for all threads; never goes back. */
export interface Clock {
  now(): number
  /** When a request came. */
  of(exchange: Exchange): number
}

/** The monotonic clock of the machine. Good to some microseconds. */
export function machineClock(): Clock {
  const offsetMs = offset()
  return {
    now: () => performance.now() + offsetMs,
    // hot: the exchange knows its time already; asking for it takes 120 ns (bench rate-limit)
    of: (exchange) => exchange.startedMs + offsetMs,
  }
}

/** How far this thread's time is behind the machine's. A thread that was interrupted between two looks measures too much. */
function offset(): number {
  let least = Infinity
  for (let i = 0; i < 10; i++) {
    const own = performance.now()
    least = Math.min(least, Number(process.hrtime.bigint()) / 1e6 - own)
  }
  return least
}
