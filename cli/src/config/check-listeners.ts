// The meaning of listeners and the admin address: whether all of them could be bound at once.
import type { Findings } from './findings.ts'
import { parseAddress, rangeMistake, type HostPort } from './forms.ts'
import type { ValuePath } from './problems.ts'
import { asMap, asText, below, elements, isEmpty, type Placed } from './values.ts'

/** Where the admin API listens unless told otherwise. */
export const defaultAdminAddress = '127.0.0.1:9901'

interface Bound extends HostPort {
  readonly text: string
  readonly path: ValuePath
}

/** Adds what is wrong with `listeners` and `admin`. */
export function checkListeners(top: Placed, findings: Findings): void {
  const listeners = elements(below(top, 'listeners'))
  if (isEmpty(below(top, 'listeners'))) findings.add('MW1312', ['listeners'], 'there is no listener: no request could arrive', { at: 'key' })
  checkNames(listeners, findings)
  checkAddresses([...listeners.map((one) => below(one, 'address')), ...adminAddress(top)], findings)
  for (const listener of listeners) checkTls(listener, findings)
  for (const hop of listeners.flatMap((one) => elements(below(one, 'trustedHops')))) checkRange(hop, findings)
}

function adminAddress(top: Placed): Placed[] {
  const admin = below(top, 'admin')
  if (admin.value === false) return []
  const address = below(admin, 'address')
  return [address.value === undefined ? { path: asMap(top.value)['admin'] === undefined ? [] : ['admin'], value: defaultAdminAddress } : address]
}

function checkNames(listeners: readonly Placed[], findings: Findings): void {
  const seen = new Map<string, ValuePath>()
  for (const listener of listeners) {
    const named = below(listener, 'name')
    const name = asText(named.value)
    const first = name === undefined ? undefined : seen.get(name)
    if (first !== undefined) {
      findings.add('MW1302', named.path, `two listeners are called "${name}"`, { related: [{ message: 'the first', path: first, at: 'value' }] })
    } else if (name !== undefined) seen.set(name, named.path)
  }
}

function checkTls(listener: Placed, findings: Findings): void {
  const tls = below(listener, 'tls')
  if (Object.keys(asMap(tls.value)).length === 0 || below(listener, 'identity').value !== undefined) return
  findings.add('MW1316', tls.path, 'the listener has no identity: it would speak plain HTTP', { at: 'key' })
}

function checkAddresses(places: readonly Placed[], findings: Findings): void {
  const bound: Bound[] = []
  for (const place of places) {
    const text = asText(place.value)
    const parsed = text === undefined ? undefined : parseAddress(text)
    if (typeof parsed === 'string') findings.add('MW1308', place.path, `the address "${text}" ${parsed}`)
    if (text === undefined || parsed === undefined || typeof parsed === 'string') continue
    const now = { ...parsed, text, path: place.path }
    const earlier = bound.find((other) => collide(other, now))
    if (earlier !== undefined) addCollision(earlier, now, findings)
    bound.push(now)
  }
}

function collide(a: HostPort, b: HostPort): boolean {
  const everywhere = (host: string): boolean => host === '0.0.0.0' || host === '::'
  if (a.port !== b.port || a.port === 0) return false
  return a.host.toLowerCase() === b.host.toLowerCase() || everywhere(a.host) || everywhere(b.host)
}

function addCollision(earlier: Bound, now: Bound, findings: Findings): void {
  const isDefault = now.path.length < 2
  const [blamed, other] = isDefault ? [earlier, now] : [now, earlier]
  const what = isDefault ? `the admin API listens on ${now.text} unless admin.address says otherwise` : `already taken by ${earlier.text}`
  const related = isDefault ? [] : [{ message: 'taken here', path: other.path, at: 'value' as const }]
  findings.add('MW1303', blamed.path, `the address ${blamed.text} is used twice: ${what}`, { related })
}

function checkRange(place: Placed, findings: Findings): void {
  const text = asText(place.value)
  const mistake = text === undefined ? undefined : rangeMistake(text)
  if (mistake !== undefined) findings.add('MW1307', place.path, `"${text}" ${mistake}`)
}
