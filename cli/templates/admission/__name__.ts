// The answer: room for so many attempts at a time.
import { MeshError, type Admission } from '@meshwright/core'

export interface __Camel__Options {
  /** Attempts under way at a time. 1..1000000; default 100. */
  readonly atOnce?: number
}

/** Refuses an attempt with MESH_OVERFLOW (503) while as many are under way as may be. Counts for one service in one thread. */
export function __camel__(options: __Camel__Options = {}): Admission {
  const { atOnce = 100 } = options
  let underWay = 0
  return {
    admit() {
      if (underWay >= atOnce) return new MeshError('MESH_OVERFLOW', `${underWay} attempts are under way`)
      underWay++
      return undefined
    },
    // Called for what was admitted, and only for that.
    ended() {
      underWay--
    },
  }
}
