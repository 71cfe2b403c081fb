// Counts what a detector does, for everybody who reads metrics.
import type { Counter, Metrics } from '@meshwright/core'
import type { PassiveCounts } from './passive.ts'
import type { Rule } from './tally.ts'

/** The counters of one service. A rule's own are there once it has found something. */
export function countsOf(metrics: Metrics, service: string): PassiveCounts {
  const overflows = metrics.counter('mesh_outlier_overflows_total', 'Outliers that were not sent to rest because too many endpoints were resting already', { service })
  const detected = byRule((rule) => metrics.counter('mesh_outlier_detections_total', 'Outliers that were found, by what gave them away', { service, rule }))
  const rests = byRule((rule) => metrics.counter('mesh_outlier_rests_total', 'Endpoints that were sent to rest, by what gave them away', { service, rule }))
  return {
    detected: (rule) => detected(rule).inc(),
    rested: (rule) => rests(rule).inc(),
    overflowed: () => overflows.inc(),
  }
}

function byRule(make: (rule: Rule) => Counter): (rule: Rule) => Counter {
  const made = new Map<Rule, Counter>()
  return (rule) => {
    const counter = made.get(rule) ?? make(rule)
    made.set(rule, counter)
    return counter
  }
}
