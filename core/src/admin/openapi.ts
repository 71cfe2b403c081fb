// The OpenAPI document of the admin API, built from the routes themselves so that it cannot forget one.
import type { RouteOptions } from 'fastify'
import { coreVersion } from '../version.ts'

interface Schema {
  readonly description?: string
}

interface RouteSchema {
  readonly summary?: string
  readonly response?: Readonly<Record<string, Schema>>
}

type Operation = Readonly<Record<string, unknown>>

export class OpenApi {
  readonly #paths = new Map<string, Map<string, Operation>>()

  /** Takes a route in; to be called for each. Those of HEAD follow from those of GET. */
  add({ method, url, schema }: Pick<RouteOptions, 'method' | 'url' | 'schema'>): void {
    for (const name of [method].flat()) {
      if (name === 'HEAD') continue
      const path = url.replaceAll(/:(\w+)/g, '{$1}')
      const operations = this.#paths.get(path) ?? new Map<string, Operation>()
      this.#paths.set(path, operations.set(name.toLowerCase(), operationOf(url, (schema ?? {}) as RouteSchema)))
    }
  }

  document(): object {
    return {
      openapi: '3.1.0',
      info: { title: 'Meshwright admin API', version: coreVersion },
      paths: Object.fromEntries([...this.#paths].map(([path, operations]) => [path, Object.fromEntries(operations)])),
    }
  }
}

function operationOf(url: string, { summary, response }: RouteSchema): Operation {
  const names = [...url.matchAll(/:(\w+)/g)].map(([, name]) => name)
  return {
    ...(summary === undefined ? {} : { summary }),
    ...(names.length === 0 ? {} : { parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })) }),
    responses: response === undefined ? { 200: { description: 'OK' } } : Object.fromEntries(Object.entries(response).map(([status, schema]) => [status.toUpperCase(), responseOf(status, schema)])),
  }
}

function responseOf(status: string, schema: Schema): object {
  const type = status.startsWith('4') ? 'application/problem+json' : 'application/json'
  return { description: schema.description ?? status, content: { [type]: { schema } } }
}
