// Functions that plugins let guests call by name, beside those of Envoy.
import type { ForeignFunction } from './surroundings.ts'

const added = new Map<string, ForeignFunction>()

/** Lets guests call a function by name. A second one of the same name takes its place. */
export function provideForeignFunction(name: string, work: ForeignFunction): void {
  added.set(name, work)
}

export function foreignFunction(name: string): ForeignFunction | undefined {
  return added.get(name)
}
