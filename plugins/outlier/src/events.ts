// Counts and logs what a detector does.
import type { Counter, Logger, Metrics } from '@meshwright/core'
import type { PassiveEvents } from './passive.ts'
import type { Rule } from './tally.ts'

/** The counters of one service, and a line for each rest. A rule's own counters are there once it has found something. */
export function eventsOf(metrics: Metrics, log: Pick<Logger, 'warn'>, service: string): PassiveEvents {
  const overflows = metrics.counter('mesh_outlier_overflows_total', 'Outliers that were not sent to rest because too many endpoints were resting already', { service })
  const detected = byRule((rule) => metrics.counter('mesh_outlier_detections_total', 'Outliers that were found, by what gave them away', { service, rule }))
  const rests = byRule((rule) => metrics.counter('mesh_outlier_rests_total', 'Endpoints that were sent to rest, by what gave them away', { service, rule }))
  return {
    detected: (rule) => detected(rule).inc(),
    overflowed: () => overflows.inc(),
    rested(rule, { id }, restMs) {
      rests(rule).inc()
      log.warn({ service, endpoint: id, rule, restMs }, 'an endpoint is sent to rest')
    },
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
