// What a file need not say: the defaults that differ from those of code.
import type { ListenerSpec, MeshSpec, ServiceSpec } from '@meshwright/core'
import type { Provided } from './answers.ts'

const balancer = 'least-request'

/** The same mesh with the defaults of files: 404 for what no route matches, and least-request where a plugin provides it. */
export function withFileDefaults(spec: MeshSpec, provided: readonly Provided[]): MeshSpec {
  const hasBalancer = provided.some((one) => one.kind === 'balancer' && one.name === balancer)
  const service = (one: ServiceSpec): ServiceSpec => (hasBalancer ? { balancer, ...one } : one)
  const services = Object.entries(spec.services ?? {}).map(([name, one]) => [name, service(one)] as const)
  const listeners = (spec.listeners ?? []).map((one): ListenerSpec => ({ unrouted: 'reply', ...one }))
  return { ...spec, listeners, services: Object.fromEntries(services) }
}
