// The OpenAPI document of the admin API, built from the routes themselves so that it cannot forget one.
import type { RouteOptions } from 'fastify'
import { coreVersion } from '../version.ts'

/** A schema, or what a response is in several types. */
interface Schema {
  readonly description?: string
  readonly type?: string
  readonly content?: Readonly<Record<string, object>>
}

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, object>>
  readonly required?: readonly string[]
}

interface RouteSchema {
  readonly summary?: string
  readonly body?: object
  readonly querystring?: ObjectSchema
  /** As in OpenAPI; `bearer` is the only scheme. */
  readonly security?: readonly object[]
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
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    }
  }
}

function operationOf(url: string, { summary, body, querystring, security, response }: RouteSchema): Operation {
  const parameters = [...inPath(url), ...inQuery(querystring)]
  return {
    ...(summary === undefined ? {} : { summary }),
    ...(security === undefined ? {} : { security }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: response === undefined ? { 200: { description: 'OK' } } : Object.fromEntries(Object.entries(response).map(([status, schema]) => [status.toUpperCase(), responseOf(status, schema)])),
  }
}

function inPath(url: string): object[] {
  return [...url.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
}

function inQuery({ properties = {}, required = [] }: ObjectSchema = {}): object[] {
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }))
}

function responseOf(status: string, schema: Schema): object {
  const description = schema.description ?? status
  if (schema.content !== undefined) return { description, content: schema.content }
  if (schema.type === 'null') return { description }
  const type = status.startsWith('4') ? 'application/problem+json' : 'application/json'
  return { description, content: { [type]: { schema } } }
}
