// Makes the errors of "one of these shapes" readable: guesses which shape was meant and forgets the complaints of the others.
import type { ErrorObject } from 'ajv'

/** As much of a JSON Schema as messages need. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, unknown>>
  readonly [keyword: string]: unknown
}

/** The errors that speak about what was probably meant. Where no branch of a union fits, the error of the union itself. */
export function withoutOtherBranches(errors: readonly ErrorObject[]): ErrorObject[] {
  let kept = [...errors]
  for (const union of errors.filter((error) => error.keyword === 'anyOf')) kept = keepMeant(kept, union)
  return kept.filter((error) => !isConsequence(error, kept))
}

function keepMeant(errors: readonly ErrorObject[], union: ErrorObject): ErrorObject[] {
  const meant = nearestBranch(union.data, (union.parentSchema as Schema).anyOf ?? [])
  const below = (error: ErrorObject): boolean => error !== union && isBelow(error.instancePath, union.instancePath)
  const branchPath = `${union.schemaPath}/${meant}/`
  const explained = errors.some((error) => below(error) && error.schemaPath.startsWith(branchPath))
  return errors.filter((error) => {
    if (error === union) return !explained
    if (!below(error) || !error.schemaPath.startsWith(`${union.schemaPath}/`)) return true
    return explained && error.schemaPath.startsWith(branchPath)
  })
}

function isBelow(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}/`)
}

/** A value of the wrong type has that mistake only; so has a map with an unknown name, which is not also miscounted. */
function isConsequence(error: ErrorObject, errors: readonly ErrorObject[]): boolean {
  const beside = (keyword: string): boolean =>
    errors.some((other) => other.keyword === keyword && other.instancePath === error.instancePath && other.parentSchema === error.parentSchema)
  if (error.keyword === 'enum' || error.keyword === 'const') return beside('type')
  return (error.keyword === 'minProperties' || error.keyword === 'maxProperties') && beside('additionalProperties')
}

/** The branch whose type fits the value; of several maps the one that shares most keys. -1 if none fits. */
function nearestBranch(value: unknown, branches: readonly Schema[]): number {
  const scores = branches.map((branch) => score(value, branch))
  const best = Math.max(...scores)
  return best < 0 ? -1 : scores.indexOf(best)
}

function score(value: unknown, branch: Schema): number {
  if (branch.anyOf !== undefined) return Math.max(...branch.anyOf.map((inner) => score(value, inner)))
  const types = [branch.type ?? []].flat()
  if (branch.const !== undefined || !fits(types, typeOf(value))) return -1
  if (typeOf(value) !== 'object') return 0
  const known = branch.properties ?? {}
  const keys = Object.keys(value as object)
  const missing = (branch.required ?? []).filter((key) => !keys.includes(key)).length
  return Math.max(0, keys.filter((key) => key in known).length - missing)
}

function fits(types: readonly string[], type: string): boolean {
  return types.includes(type) || (type === 'integer' && types.includes('number'))
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}
