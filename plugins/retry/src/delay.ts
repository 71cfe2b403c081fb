// How long to wait before another attempt: exponential, and wholly at random below its bound.

export interface DelayOptions {
  /** The bound of the wait before the second attempt. Milliseconds, 0..60000; default 25. 0: no wait at all. */
  readonly baseMs?: number
  /** What the bound grows to. Milliseconds, `baseMs`..600000; default 10 × `baseMs`. */
  readonly maxMs?: number
}

/**
 * The wait after the `failures`-th failure: a whole number of milliseconds from 0 to less than (2 ^ failures − 1) × base,
 * or less than `maxMs` if that is smaller.
 * @source Envoy's router filter, "fully jittered exponential back-off"
 */
export type Delay = (failures: number) => number

/** @throws RangeError when an option is out of range */
export function toDelay(options: DelayOptions, random: () => number): Delay {
  const { baseMs = 25, maxMs = 10 * baseMs } = options
  if (!(baseMs >= 0 && baseMs <= 60_000)) throw new RangeError(`baseMs is from 0 to 60000, not ${baseMs}`)
  if (!(maxMs >= baseMs && maxMs <= 600_000)) throw new RangeError(`maxMs is from baseMs (${baseMs}) to 600000, not ${maxMs}`)
  return (failures) => Math.floor(random() * Math.min((2 ** failures - 1) * baseMs, maxMs))
}
