// Checks a configuration that has been read: its shape, its names, its meaning; all at once.
import type { MeshSpec } from '@meshwright/core'
import type { Provided } from './answers.ts'
import { checkAnswers } from './check-answers.ts'
import { checkListeners } from './check-listeners.ts'
import { checkRoutes } from './check-routes.ts'
import { checkServices } from './check-services.ts'
import { checkShadows } from './check-shadows.ts'
import { createShapeCheck } from './check-shape.ts'
import { checkTcp } from './check-tcp.ts'
import { Findings } from './findings.ts'
import { hasErrors, sortProblems, type Problem } from './problems.ts'
import type { Source } from './source.ts'

/** Everything wrong with the value of a source, in the order of the file. @param values accept answers by value */
export function checkSource(source: Source, provided: readonly Provided[], values: boolean): readonly Problem[] {
  const findings = new Findings(source)
  createShapeCheck(provided, values, findings).check(source.value, findings)
  const top = { path: [], value: source.value }
  checkListeners(top, findings)
  checkServices(top, new Set([...checkRoutes(top, findings), ...checkTcp(top, findings)]), findings)
  checkAnswers(top, provided, findings)
  // Only routes that compile can be compared.
  if (!hasErrors(findings.problems)) checkShadows(source.value as MeshSpec, findings)
  return sortProblems(findings.problems)
}
