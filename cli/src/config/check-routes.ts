// The meaning of routes: whether each goes somewhere, and whether its conditions can be compiled.
import type { Findings } from './findings.ts'
import { isToken } from './forms.ts'
import { fieldMistake, hostMistake, methodMistake, pathMistake, regexMistake } from './route-rules.ts'
import { checkTimeout } from './check-services.ts'
import { didYouMean, listed, nearest } from './suggest.ts'
import { asMap, asNumber, asText, below, elements, entries, isEmpty, oneOrMore, type Placed } from './values.ts'

/** Adds what is wrong with `routes`. Returns the services that they go to. */
export function checkRoutes(top: Placed, findings: Findings): ReadonlySet<string> {
  const services = asMap(asMap(top.value)['services'])
  const routes = elements(below(top, 'routes'))
  const listeners = elements(below(top, 'listeners'))
  const carryOnlyTcp = listeners.length > 0 && listeners.every((listener) => asMap(listener.value)['tcp'] !== undefined)
  const answeredElsewhere = listeners.some((listener) => asMap(listener.value)['unrouted'] === 'host')
  if (isEmpty(below(top, 'routes')) && !answeredElsewhere && !carryOnlyTcp) findings.add('MW1504', ['routes'], 'there is no route: every request is answered with 404', { at: 'key' })
  const used = new Set<string>()
  for (const route of routes) {
    for (const name of checkDestination(route, services, findings)) used.add(name)
    for (const match of oneOrMore(below(route, 'match'))) checkMatch(match, findings)
    checkHeaderNames(route, findings)
    checkTimes(route, services, findings)
  }
  return used
}

const ends = ['to', 'redirect', 'reply']

function checkDestination(route: Placed, services: Readonly<Record<string, unknown>>, findings: Findings): string[] {
  const given = ends.filter((end) => asMap(route.value)[end] !== undefined)
  if (given.length === 0) findings.add('MW1304', route.path, 'the route goes nowhere: it needs one of to, redirect and reply', { at: 'key' })
  for (const end of given.slice(1)) {
    const related = [{ message: `"${given[0]}" is here`, path: [...route.path, given[0] ?? ''] }]
    findings.add('MW1304', [...route.path, end], `the route has both "${given[0]}" and "${end}"`, { at: 'key', related })
  }
  return checkServiceNames(below(route, 'to'), services, findings)
}

function checkServiceNames(to: Placed, services: Readonly<Record<string, unknown>>, findings: Findings): string[] {
  const places = typeof to.value === 'string' ? [to] : elements(to).map((one) => below(one, 'service'))
  const weights = elements(to).map((one) => asNumber(asMap(one.value)['weight'] ?? 1) ?? 1)
  if (weights.length > 0 && weights.every((weight) => weight === 0)) {
    findings.add('MW1309', to.path, 'the weights add up to 0: no service would get a request', { at: 'key' })
  }
  const names = places.flatMap((place) => asText(place.value) ?? [])
  for (const place of places) {
    const name = asText(place.value)
    if (name !== undefined && !Object.hasOwn(services, name)) addUnknownService(place, name, Object.keys(services), findings)
  }
  return names
}

/** Adds that there is no such service, and which one may be meant. */
export function addUnknownService(place: Placed, name: string, defined: readonly string[], findings: Findings): void {
  const meant = nearest(name, defined)
  const path = meant === undefined ? ['services'] : ['services', meant]
  const message = meant === undefined ? `services defined: ${listed(defined)}` : `"${meant}" is defined here`
  const related = defined.length === 0 ? [] : [{ message, path }]
  findings.add('MW1301', place.path, `there is no service "${name}"${didYouMean(name, defined)}`, { related })
}

function checkMatch(match: Placed, findings: Findings): void {
  for (const host of oneOrMore(below(match, 'host'))) checkText(host, findings, 'MW1306', hostMistake)
  for (const method of oneOrMore(below(match, 'method'))) checkText(method, findings, 'MW1315', methodMistake)
  checkPath(below(match, 'path'), findings)
  for (const header of entries(below(match, 'headers'))) {
    checkText({ ...header, value: header.key }, findings, 'MW1315', fieldMistake, 'key')
    checkText(below(header, 'regex'), findings, 'MW1305', regexMistake)
  }
  for (const query of entries(below(match, 'query'))) checkText(below(query, 'regex'), findings, 'MW1305', regexMistake)
}

function checkPath(path: Placed, findings: Findings): void {
  checkText(path, findings, 'MW1314', pathMistake)
  checkText(below(path, 'exact'), findings, 'MW1314', pathMistake)
  checkText(below(path, 'prefix'), findings, 'MW1314', pathMistake)
  checkText(below(path, 'regex'), findings, 'MW1305', regexMistake)
}

type TextCode = 'MW1305' | 'MW1306' | 'MW1314' | 'MW1315'

function checkText(place: Placed, findings: Findings, code: TextCode, mistake: (text: string) => string | undefined, at: 'key' | 'value' = 'value'): void {
  const text = asText(place.value)
  // What is empty or of the wrong type has been reported with the shape.
  const found = text === undefined || text === '' ? undefined : mistake(text)
  if (found === undefined) return
  findings.add(code, place.path, code === 'MW1305' ? `the regular expression is not valid: ${found}` : found, { at })
}

function tokenMistake(text: string): string | undefined {
  return isToken(text) ? undefined : `${JSON.stringify(text)} has characters that a name in HTTP cannot have`
}

function checkHeaderNames(route: Placed, findings: Findings): void {
  for (const changes of [below(route, 'requestHeaders'), below(route, 'responseHeaders')]) {
    const named = [...entries(below(changes, 'set')), ...entries(below(changes, 'add'))]
    for (const entry of named) checkText({ ...entry, value: entry.key }, findings, 'MW1315', tokenMistake, 'key')
    for (const name of elements(below(changes, 'remove'))) checkText(name, findings, 'MW1315', tokenMistake)
  }
  for (const entry of entries(below(below(route, 'reply'), 'headers'))) checkText({ ...entry, value: entry.key }, findings, 'MW1315', tokenMistake, 'key')
}

function checkTimes(route: Placed, services: Readonly<Record<string, unknown>>, findings: Findings): void {
  const timeout = below(route, 'timeout')
  const own = below(timeout, 'requestMs')
  if (own.value !== undefined) return checkTimeout(timeout, findings)
  const to = asText(asMap(route.value)['to'])
  if (to === undefined || !Object.hasOwn(services, to)) return
  const service: Placed = { path: ['services', to], value: services[to] }
  checkTimeout(timeout, findings, below(below(service, 'timeout'), 'requestMs'))
}
