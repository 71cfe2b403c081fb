// The meaning of services: whether each can have endpoints, whether its times fit together, and whether it is used.
import type { Findings } from './findings.ts'
import { parseAddress } from './forms.ts'
import type { ValuePath } from './problems.ts'
import { answersIn, asMap, asNumber, asText, below, elements, entries, textsIn, type Placed } from './values.ts'

/** Adds what is wrong with `services`. @param used the services that routes and TCP listeners go to */
export function checkServices(top: Placed, used: ReadonlySet<string>, findings: Findings): void {
  // A filter may call a service that no route goes to: it is named in its options, whatever they are.
  const named = new Set(answersIn(top.value).flatMap(({ kind, value }) => (kind === 'filter' || kind === 'networkFilter' ? textsIn(value) : [])))
  for (const service of entries(below(top, 'services'))) {
    checkSource(service, findings)
    checkEndpoints(service, findings)
    checkTimeout(below(service, 'timeout'), findings)
    if (!used.has(service.key) && !named.has(service.key)) findings.add('MW1502', service.path, `no route goes to the service "${service.key}"`, { at: 'key' })
  }
}

function checkSource(service: Placed & { key: string }, findings: Findings): void {
  const { endpoints, discovery } = asMap(service.value)
  if (endpoints !== undefined && discovery !== undefined) {
    const related = [{ message: 'endpoints are listed here', path: [...service.path, 'endpoints'] }]
    findings.add('MW1311', [...service.path, 'discovery'], `the service "${service.key}" has both endpoints and discovery`, { at: 'key', related })
  } else if (discovery === undefined && (endpoints === undefined || (Array.isArray(endpoints) && endpoints.length === 0))) {
    findings.add('MW1310', service.path, `the service "${service.key}" has neither endpoints nor discovery`, { at: 'key' })
  }
}

function checkEndpoints(service: Placed, findings: Findings): void {
  const seen = new Map<string, ValuePath>()
  for (const endpoint of elements(below(service, 'endpoints'))) {
    const place = typeof endpoint.value === 'string' ? endpoint : below(endpoint, 'address')
    const address = asText(place.value)
    if (address === undefined) continue
    checkAddress(place, address, findings)
    const id = asText(asMap(endpoint.value)['id']) ?? address
    const first = seen.get(id)
    if (first === undefined) seen.set(id, place.path)
    else findings.add('MW1313', place.path, `the endpoint ${id} is listed twice`, { related: [{ message: 'the first', path: first, at: 'value' }] })
  }
}

function checkAddress(place: Placed, address: string, findings: Findings): void {
  const parsed = parseAddress(address)
  if (typeof parsed === 'string') findings.add('MW1308', place.path, `the address "${address}" ${parsed}`)
  else if (address.startsWith(':')) findings.add('MW1308', place.path, `the address "${address}" needs a host: 127.0.0.1${address}`)
  else if (parsed.port === 0) findings.add('MW1308', place.path, `the address "${address}" needs a port from 1 to 65535`)
}

const parts = ['connectMs', 'responseHeadersMs', 'responseIdleMs']

/** Adds a warning for each part of a request that may take longer than the whole; only what the file itself says counts. */
export function checkTimeout(timeout: Placed, findings: Findings, whole: Placed = below(timeout, 'requestMs')): void {
  const wholeMs = asNumber(whole.value) ?? 0
  if (wholeMs <= 0) return
  for (const part of parts.map((key) => below(timeout, key))) {
    const partMs = asNumber(part.value)
    if (partMs === undefined || (partMs !== 0 && partMs <= wholeMs)) continue
    const how = partMs === 0 ? 'waits for ever' : `is ${partMs}`
    const related = [{ message: `requestMs is ${wholeMs}`, path: whole.path }]
    findings.add('MW1503', part.path, `${String(part.path.at(-1))} ${how}, but the whole request ends after ${wholeMs} ms`, { related })
  }
}
