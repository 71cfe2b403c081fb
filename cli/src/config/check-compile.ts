// The last check: has the core itself compile services, filters and routes, without endpoints and without a network.
import { createMesh, MeshError, type MeshApp, type MeshSpec, type ServiceSpec } from '@meshwright/core'
import type { Findings } from './findings.ts'
import type { LoadedPlugin } from './plugins.ts'
import type { ValuePath } from './problems.ts'
import { answersIn } from './values.ts'

/**
 * Adds what the core or a plugin refuses in a file that is otherwise good: options that contradict each other, rewrites,
 * redirects, replies, TCP listeners. Discoveries and identities are made and not started, as they would begin to look for what they find.
 * @param files have them look at the files that they name
 */
export async function checkCompile(spec: MeshSpec, plugins: readonly LoadedPlugin[], { findings, files }: { readonly findings: Findings; readonly files: boolean }): Promise<void> {
  const services = Object.fromEntries(Object.entries(spec.services ?? {}).map(([name, service]) => [name, alone(service)]))
  const { filters = [], routes = [] } = spec
  const listeners = (spec.listeners ?? []).map(({ identity: _identity, tls: _tls, ...listener }) => listener)
  // On the control side answers are made and nothing is asked of them.
  const app = createMesh({ replyProxy: false, runtime: { side: 'control' } })
  try {
    for (const { plugin, options } of plugins) await app.register(plugin, options)
    await app.ready()
    await checkSources(app, spec, files, findings)
    if ((await refusal(app, { services, filters, routes, listeners })) === undefined) return
    const look = async (path: ValuePath, part: MeshSpec): Promise<boolean> => {
      const error = await refusal(app, part)
      if (error !== undefined) addRefusal(error, path, spec, findings)
      return error !== undefined
    }
    for (const [name, service] of Object.entries(services)) await look(['services', name], { services: { [name]: service } })
    for (const [index, filter] of filters.entries()) await look(['filters', index], { filters: [filter] })
    const empty = Object.fromEntries(Object.keys(services).map((name): [string, ServiceSpec] => [name, { endpoints: [] }]))
    for (const [index, route] of routes.entries()) {
      // Each filter alone: a route may have several of one name, and each says what is wrong with it.
      let isRefused = false
      for (const [at, filter] of (route.filters ?? []).entries()) isRefused = (await look(['routes', index, 'filters', at], { filters: [filter] })) || isRefused
      await look(['routes', index], { services: empty, routes: [isRefused ? { ...route, filters: [] } : route] })
    }
    for (const [index, listener] of listeners.entries()) await look(['listeners', index], { services: empty, listeners: [listener] })
  } finally {
    await app.close()
  }
}

/** Where endpoints and certificates come from. */
async function checkSources({ mesh }: MeshApp, spec: MeshSpec, files: boolean, findings: Findings): Promise<void> {
  for (const { kind, path, value } of answersIn(spec)) {
    if (kind !== 'discovery' && kind !== 'identity') continue
    try {
      const made = mesh.make(kind, value as string)
      const why = files ? await whatIsMissing(made) : undefined
      // A mesh starts without endpoints, but not without a certificate.
      if (why !== undefined) findings.add(kind === 'identity' ? 'MW1399' : 'MW1505', path, why)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      addRefusal(error, path, spec, findings)
    }
  }
}

async function whatIsMissing(made: { check?(): Promise<void> }): Promise<string | undefined> {
  try {
    await made.check?.()
    return undefined
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

function alone({ discovery: _discovery, tls, ...service }: ServiceSpec): ServiceSpec {
  if (typeof tls !== 'object') return { ...service, ...(tls !== undefined && { tls }), endpoints: [] }
  const { identity: _identity, ...own } = tls
  return { ...service, tls: own, endpoints: [] }
}

async function refusal(app: MeshApp, spec: MeshSpec): Promise<MeshError | undefined> {
  try {
    await app.mesh.apply(spec)
    return undefined
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    return error
  }
}

/** The innermost error names the field and nothing else: `A route cannot be compiled: redirect.host: …`. */
function addRefusal(error: MeshError, path: ValuePath, spec: MeshSpec, findings: Findings): void {
  const innermost = error.cause instanceof MeshError ? error.cause : error
  const answer = placeOfAnswer(innermost.message, path, spec)
  if (answer !== undefined) return findings.add('MW1399', answer.path, answer.why)
  const [, field = '', why = innermost.message] = /^[^:]*: ([\w.[\]-]+): (.*)$/s.exec(innermost.message) ?? []
  findings.add('MW1399', [...path, ...pathOf(field, valueAt(spec, path))], why)
}

/** An answer that was refused is named by kind and name: `…: balancer "maglev" of service "users": tableSize is a prime`. */
function placeOfAnswer(message: string, within: ValuePath, spec: MeshSpec): { path: ValuePath; why: string } | undefined {
  const [, kind, name = '', why = ''] = /\b(\w+) "([^"]+)"(?: of service "[^"]*")?: (.*)$/s.exec(message) ?? []
  for (const place of answersIn(spec)) {
    if (place.kind !== kind || !within.every((step, at) => place.path[at] === step)) continue
    if (place.value === name) return { path: place.path, why }
    const field = /^[\w.[\]-]+/.exec(why)?.[0] ?? ''
    const options = (place.value as Record<string, unknown>)[name]
    if (options !== undefined) return { path: [...place.path, name, ...pathOf(field, options)], why }
  }
  return undefined
}

function valueAt(root: unknown, path: ValuePath): unknown {
  return path.reduce<unknown>((value, step) => (value as Record<string | number, unknown>)[step], root)
}

/** As much of the field's name as is there. */
function pathOf(field: string, owner: unknown): ValuePath {
  const path: (string | number)[] = []
  let value = owner
  for (const word of field.split(/[.[\]]+/)) {
    if (typeof value !== 'object' || value === null || !(word in value)) return path
    value = (value as Record<string, unknown>)[word]
    path.push(word)
  }
  return path
}
