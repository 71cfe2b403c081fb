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
  const kept: ErrorObject[] = []
  for (const error of errors) {
    if (error.keyword !== 'anyOf') kept.push(error)
    else kept.push(...meantBy(error, takeBranches(kept, error)))
  }
  const beside = Map.groupBy(kept, ({ keyword, instancePath }) => `${keyword} ${instancePath}`)
  return kept.filter((error) => !isConsequence(error, beside))
}

/** The validator puts the errors of a union's branches right before the error of the union: they are taken off the end. */
function takeBranches(kept: ErrorObject[], union: ErrorObject): ErrorObject[] {
  let start = kept.length
  while (start > 0 && isOfBranch(kept[start - 1] as ErrorObject, union)) start--
  return kept.splice(start)
}

function isOfBranch(error: ErrorObject, union: ErrorObject): boolean {
  return error.schemaPath.startsWith(`${union.schemaPath}/`) && isBelow(error.instancePath, union.instancePath)
}

function meantBy(union: ErrorObject, branches: readonly ErrorObject[]): readonly ErrorObject[] {
  const meant = nearestBranch(union.data, (union.parentSchema as Schema).anyOf ?? [])
  const explained = branches.filter((error) => error.schemaPath.startsWith(`${union.schemaPath}/${meant}/`))
  return explained.length > 0 ? explained : [union]
}

function isBelow(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}/`)
}

/** A value of the wrong type has that mistake only; so has a map with an unknown name, which is not also miscounted. */
function isConsequence(error: ErrorObject, all: ReadonlyMap<string, readonly ErrorObject[]>): boolean {
  const beside = (keyword: string): boolean => (all.get(`${keyword} ${error.instancePath}`) ?? []).some((other) => other.parentSchema === error.parentSchema)
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
