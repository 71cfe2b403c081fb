// The meaning of answers: names that cannot do without options, and values that cannot cross threads.
import { isAnswerValue, type Provided } from './answers.ts'
import { createNeedsOptions } from './check-shape.ts'
import type { Findings } from './findings.ts'
import { listed } from './suggest.ts'
import { answersIn, asMap, asNumber, asText, type Placed } from './values.ts'

/** Adds what is wrong with the places where plugins answer. */
export function checkAnswers(top: Placed, provided: readonly Provided[], findings: Findings): void {
  const needs = createNeedsOptions(provided)
  const workers = asNumber(asMap(top.value)['workers']) ?? 0
  for (const { kind, path, value } of answersIn(top.value)) {
    const name = asText(value)
    const missing = name === undefined ? [] : needs(kind, name)
    if (missing.length > 0) findings.add('MW1203', path, `the ${kind} "${name}" needs options: ${listed(missing)}`)
    if (workers > 0 && isAnswerValue(kind, value)) {
      findings.add('MW1204', path, `a ${kind} given by value cannot cross to the ${workers} worker threads: use its name`)
    }
  }
}
