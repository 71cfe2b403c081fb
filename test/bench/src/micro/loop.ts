// Times a function: many calls, several times over, the median of them.
import { median } from '../statistics.ts'

const never = Symbol('never a result')
let sink: unknown

/** Nanoseconds per call of a synchronous function: the median of nine runs of about 50 ms, after a warm-up. */
export function nanosecondsOf(run: () => unknown): number {
  let calls = 1000
  while (time(run, calls) < 50e6) calls *= 2
  return median(Array.from({ length: 9 }, () => time(run, calls) / calls))
}

function time(run: () => unknown, calls: number): number {
  const begin = process.hrtime.bigint()
  for (let call = 0; call < calls; call++) sink = run()
  const taken = Number(process.hrtime.bigint() - begin)
  // Read once per loop, so that the results are of use to somebody and the calls are not optimised away.
  return sink === never ? 0 : taken
}
