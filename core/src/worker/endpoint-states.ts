// What is known of endpoints, as plain data, from one thread or added up from several.
import type { Endpoint } from '../endpoint.ts'
import type { Snapshot } from '../snapshot.ts'
import type { EndpointState, ServiceStates } from './plane.ts'

/** The endpoints of a snapshot as they are now. */
export function statesOf(snapshot: Snapshot): ServiceStates {
  return Object.fromEntries([...snapshot.services].map(([name, service]) => [name, service.endpoints.all.map(stateOf)]))
}

function stateOf(endpoint: Endpoint): EndpointState {
  return {
    id: endpoint.id,
    address: endpoint.address,
    weight: endpoint.fullWeight,
    priority: endpoint.priority,
    zone: endpoint.zone ?? null,
    fit: endpoint.fit,
    healthy: endpoint.healthy,
    resting: endpoint.restingUntilMs !== 0,
    probation: endpoint.probation,
    reason: endpoint.reason ?? null,
    inFlight: endpoint.inFlight,
    attempts: endpoint.attempts,
    failures: endpoint.failures,
    lastLatencyMs: endpoint.lastLatencyMs,
  }
}

/** The endpoints that `base` knows, with what all the threads have counted. */
export function addStates(base: ServiceStates, threads: readonly ServiceStates[]): ServiceStates {
  const byService = Object.entries(base).map(([name, endpoints]) => [name, endpoints.map((endpoint) => threads.reduce((sum, thread) => add(sum, thread[name]?.find((one) => one.id === endpoint.id)), endpoint))])
  return Object.fromEntries(byService) as ServiceStates
}

function add(sum: EndpointState, one: EndpointState | undefined): EndpointState {
  if (one === undefined) return sum
  return {
    ...sum,
    inFlight: sum.inFlight + one.inFlight,
    attempts: sum.attempts + one.attempts,
    failures: sum.failures + one.failures,
    lastLatencyMs: Math.max(sum.lastLatencyMs, one.lastLatencyMs),
  }
}
