// Options checked against their schema, with errors that name who wanted what. The only file that knows ajv.
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { TSchema } from 'typebox'
import { MeshError } from './errors.ts'

const ajv: Ajv2020 = new Ajv2020({ allErrors: true, strict: false, useDefaults: true })
const compiled = new WeakMap<object, ValidateFunction>()

/**
 * Checks options and fills in the schema's defaults; works on a copy.
 * @param owner who they are for, as in `balancer "p2c"`
 * @throws MESH_BAD_OPTIONS with every mistake in one text
 */
export function checkOptions<T>(owner: string, schema: TSchema | undefined, options: unknown): T {
  const given = options ?? {}
  if (schema === undefined) return given as T
  const validate = compiled.get(schema) ?? ajv.compile(schema)
  compiled.set(schema, validate)
  const copy: unknown = structuredClone(given)
  if (validate(copy)) return copy as T
  throw new MeshError('MESH_BAD_OPTIONS', `${owner}: ${(validate.errors ?? []).map(describe).join('; ')}`)
}

function describe(error: ErrorObject): string {
  const at = error.instancePath === '' ? '' : `${error.instancePath.slice(1).replaceAll('/', ' › ')} `
  const extra = error.keyword === 'additionalProperties' ? ` "${String((error.params as { additionalProperty?: string }).additionalProperty)}"` : ''
  return `${at}${error.message ?? 'is not valid'}${extra}`
}
