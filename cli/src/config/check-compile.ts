// The last check: has the core itself compile every route, without filters and without a network.
import { createMesh, MeshError, type MeshApp, type MeshSpec, type RouteSpec, type ServiceSpec } from '@meshwright/core'
import type { Findings } from './findings.ts'
import type { ValuePath } from './problems.ts'

/** Adds what the core refuses in routes that are otherwise good: rewrites, redirects, header changes, replies. */
export async function checkCompile(spec: MeshSpec, findings: Findings): Promise<void> {
  const services = Object.fromEntries(Object.keys(spec.services ?? {}).map((name): [string, ServiceSpec] => [name, { endpoints: [] }]))
  const routes = (spec.routes ?? []).map((route): RouteSpec => ({ ...route, filters: [] }))
  const app = createMesh()
  try {
    if ((await refusal(app, { services, routes })) === undefined) return
    for (const [index, route] of routes.entries()) {
      const error = await refusal(app, { services, routes: [route] })
      if (error !== undefined) addRefusal(error, route, index, findings)
    }
  } finally {
    await app.close()
  }
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
function addRefusal(error: MeshError, route: RouteSpec, index: number, findings: Findings): void {
  const innermost = error.cause instanceof MeshError ? error.cause : error
  const [, field = '', why = innermost.message] = /^[^:]*: ([\w.[\]-]+): (.*)$/s.exec(innermost.message) ?? []
  findings.add('MW1399', ['routes', index, ...pathOf(field, route)], why)
}

/** As much of the field's name as is there. */
function pathOf(field: string, route: unknown): ValuePath {
  const path: (string | number)[] = []
  let value = route
  for (const word of field.split(/[.[\]]+/)) {
    if (typeof value !== 'object' || value === null || !(word in value)) return path
    value = (value as Record<string, unknown>)[word]
    path.push(word)
  }
  return path
}
