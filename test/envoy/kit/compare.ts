// Compares what came of a scenario, line by line, where no deliberate difference explains a line.
import type { Difference } from '../differences.ts'

/** What is left of both once the differences are out of them; equal, or not as it should be. */
export interface Compared {
  readonly envoy: readonly string[]
  readonly meshwright: readonly string[]
}

/** @param used the differences that were found are added to it */
export function compared(name: string, envoy: readonly string[], meshwright: readonly string[], differences: readonly Difference[], used: Set<Difference>): Compared {
  const here = differences.filter((one) => one.in === undefined || one.in === name)
  const left = without(envoy, here, 'envoy', used)
  const right = without(meshwright, here, 'meshwright', used)
  for (const [at, line] of left.entries()) {
    const other = right[at]
    if (other === undefined || other === line) continue
    const reason = here.find((one) => one.envoy?.test(line) === true && one.meshwright?.test(other) === true && sameStep(line, other))
    if (reason === undefined) continue
    used.add(reason)
    left[at] = right[at] = line.split(' = ')[0] as string
  }
  return { envoy: left, meshwright: right }
}

/** Two answers to a step are compared only if it is the same step. */
function sameStep(line: string, other: string): boolean {
  return !line.startsWith('  ') || line.split(' = ')[0] === other.split(' = ')[0]
}

/** Lines that only one of them has. */
function without(lines: readonly string[], differences: readonly Difference[], side: 'envoy' | 'meshwright', used: Set<Difference>): string[] {
  const lonely = differences.filter((one) => one[side] !== undefined && one[side === 'envoy' ? 'meshwright' : 'envoy'] === undefined)
  return lines.filter((line) => {
    const reason = lonely.find((one) => one[side]?.test(line) === true)
    if (reason !== undefined) used.add(reason)
    return reason === undefined
  })
}
