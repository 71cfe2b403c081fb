// Options checked against their schema, with errors that name who wanted what. The only file that knows ajv.
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { TSchema } from 'typebox'
import { MeshError } from './errors.ts'

// Most validators are used once, when a mesh starts: making their code smaller would take longer than it saves.
const ajv: Ajv2020 = new Ajv2020({ allErrors: true, strict: false, useDefaults: true, code: { optimize: false } })
const compiled = new WeakMap<object, ValidateFunction>()

/**
 * Checks options and fills in the schema's defaults; works on a copy of all that is plain data.
 * @param owner who they are for, as in `balancer "p2c"`
 * @throws MESH_BAD_OPTIONS with every mistake in one text
 */
export function checkOptions<T>(owner: string, schema: TSchema | undefined, options: unknown): T {
  const given = options ?? {}
  if (schema === undefined) return given as T
  const validate = compiled.get(schema) ?? ajv.compile(schema)
  compiled.set(schema, validate)
  const copy = copyPlain(given, new Map())
  if (validate(copy)) return copy as T
  throw new MeshError('MESH_BAD_OPTIONS', `${owner}: ${(validate.errors ?? []).map(describe).join('; ')}`)
}

/** Copies objects and arrays; a stream, a function or a logger among them stays itself. */
function copyPlain(value: unknown, copies: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value
  const known = copies.get(value)
  if (known !== undefined) return known
  if (Array.isArray(value)) {
    const list: unknown[] = []
    copies.set(value, list)
    for (const item of value as unknown[]) list.push(copyPlain(item, copies))
    return list
  }
  if (!isPlain(value, copies.size > 0)) return value
  const copy: Record<string, unknown> = {}
  copies.set(value, copy)
  for (const [key, item] of Object.entries(value)) Object.defineProperty(copy, key, { value: copyPlain(item, copies), writable: true, enumerable: true, configurable: true })
  return copy
}

/** One of a class of its own, or with methods, is no data; the options themselves may well have functions. */
function isPlain(value: object, inner: boolean): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return !inner || !Object.values(value).some((item) => typeof item === 'function')
}

function describe(error: ErrorObject): string {
  const at = error.instancePath === '' ? '' : `${error.instancePath.slice(1).replaceAll('/', ' › ')} `
  const extra = error.keyword === 'additionalProperties' ? ` "${String((error.params as { additionalProperty?: string }).additionalProperty)}"` : ''
  return `${at}${error.message ?? 'is not valid'}${extra}`
}
