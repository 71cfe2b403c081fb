// Slow start: an endpoint that has just become fit gets its full share of the traffic only bit by bit.
import type { Endpoint } from './endpoint.ts'
import { MeshError } from './errors.ts'

/** How an endpoint grows into its share. */
export interface SlowStartSpec {
  /** How long it takes. Milliseconds, more than 0. */
  readonly windowMs: number
  /** 1: in a straight line; more: faster at the beginning. More than 0; default 1. */
  readonly aggression?: number
  /** Where it begins, in percent of its weight. 1..100; default 10. */
  readonly minWeightPercent?: number
}

/** @throws MESH_BAD_OPTIONS for what is out of range */
export function checkSlowStart(spec: SlowStartSpec, owner: string): void {
  const { windowMs, aggression = 1, minWeightPercent = 10 } = spec
  if (!(windowMs > 0)) throw new MeshError('MESH_BAD_OPTIONS', `${owner}: slowStart.windowMs is not more than 0`)
  if (!(aggression > 0)) throw new MeshError('MESH_BAD_OPTIONS', `${owner}: slowStart.aggression is not more than 0`)
  if (!(minWeightPercent >= 1 && minWeightPercent <= 100)) throw new MeshError('MESH_BAD_OPTIONS', `${owner}: slowStart.minWeightPercent is not from 1 to 100`)
}

/**
 * The part of its weight that an endpoint has.
 * @param age how much of the window is over; 1 and more: all of it
 * @source Envoy, cluster.proto, SlowStartConfig: max(min, age ^ (1 / aggression))
 */
export function slowStartFactor(age: number, { aggression = 1, minWeightPercent = 10 }: Omit<SlowStartSpec, 'windowMs'> = {}): number {
  if (age >= 1) return 1
  return Math.max(minWeightPercent / 100, age ** (1 / aggression))
}

/**
 * Sets the weight of every endpoint to what it is now.
 * @returns whether any of them is still growing
 */
export function weigh(endpoints: readonly Endpoint[], slowStart: SlowStartSpec | undefined, nowMs: number): boolean {
  let growing = false
  for (const endpoint of endpoints) {
    const factor = slowStart === undefined || endpoint.fitSinceMs === 0 ? 1 : slowStartFactor((nowMs - endpoint.fitSinceMs) / slowStart.windowMs, slowStart)
    endpoint.weight = endpoint.fullWeight * factor
    growing ||= factor < 1
  }
  return growing
}
