// The meaning of listeners that carry TCP: whether each goes to a service that is there.
import { addUnknownService } from './check-routes.ts'
import type { Findings } from './findings.ts'
import { asMap, asText, below, elements, type Placed } from './values.ts'

/** Adds what is wrong with `tcp` of listeners. Returns the services that they go to. */
export function checkTcp(top: Placed, findings: Findings): ReadonlySet<string> {
  const services = asMap(asMap(top.value)['services'])
  const used = new Set<string>()
  for (const listener of elements(below(top, 'listeners'))) {
    const tcp = below(listener, 'tcp')
    const place = asText(tcp.value) === undefined ? below(tcp, 'to') : tcp
    const name = asText(place.value)
    if (name === undefined) continue
    used.add(name)
    if (!Object.hasOwn(services, name)) addUnknownService(place, name, Object.keys(services), findings)
  }
  return used
}
