// Checks the shape of a configuration against its schema, and says what is wrong in words that fit the place.
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { isAnswerValue, kindKeyword, valueKeyword, type Provided } from './answers.ts'
import type { Findings } from './findings.ts'
import type { ProblemCode, ValuePath } from './problems.ts'
import { meshSchema } from './schema.ts'
import { withoutOtherBranches, type Schema } from './unions.ts'
import { didYouMean, listed, nearest } from './suggest.ts'
import type { QuestionKind } from '@meshwright/core'

/** A schema that can be asked more than once. */
export interface ShapeCheck {
  /** Adds what is wrong with the shape of `value`. */
  check(value: unknown, findings: Findings): void
}

/** Knows the schema of schemas, which takes longer to compile than most options: it is asked once for each schema, by one instance for all. */
const schemas = new Ajv2020({ strict: false, validateFormats: false })

/** For schemas that are known to be valid. Making the code of a validator smaller takes longer than the one check that it is made for. */
function createAjv(): Ajv2020 {
  const ajv = new Ajv2020({ allErrors: true, verbose: true, strict: false, validateFormats: false, inlineRefs: false, meta: false, validateSchema: false, code: { optimize: false } })
  ajv.addKeyword(kindKeyword)
  ajv.addKeyword({ keyword: valueKeyword, validate: (kind: QuestionKind, value: unknown) => isAnswerValue(kind, value) })
  return ajv
}

/** Compiles the schema with the names that are provided. Schemas of plugins that do not compile are reported and left out. */
export function createShapeCheck(provided: readonly Provided[], values: boolean, findings: Findings): ShapeCheck {
  const usable = provided.map((one) => (isUsable(one, findings) ? one : { kind: one.kind, name: one.name }))
  const validate = createAjv().compile(meshSchema(usable, { values }))
  return { check: (value, into) => addErrors(validate, value, into, provided) }
}

function isUsable(one: Provided, findings: Findings): boolean {
  if (one.schema === undefined) return true
  try {
    // Throws for what is no schema; the second throws for references that lead nowhere.
    void schemas.validateSchema(one.schema, true)
    createAjv().compile(one.schema)
    return true
  } catch (error) {
    findings.add('MW1205', [], `the options schema of ${one.kind} "${one.name}" is not valid: ${(error as Error).message}`)
    return false
  }
}

function addErrors(validate: ValidateFunction, value: unknown, findings: Findings, provided: readonly Provided[]): void {
  validate(value)
  const errors = withoutOtherBranches(validate.errors ?? [])
  const unknownKeys = Map.groupBy(errors.filter((error) => error.keyword === 'additionalProperties'), (error) => error.instancePath)
  for (const error of errors) if (!isMisspelt(error, unknownKeys.get(error.instancePath) ?? [])) addError(error, value, findings, provided)
}

/** A required key that is there with a slip in it is not missing as well. */
function isMisspelt(error: ErrorObject, unknownKeys: readonly ErrorObject[]): boolean {
  if (error.keyword !== 'required') return false
  const missing = [String(error.params['missingProperty'])]
  return unknownKeys.some((unknown) => nearest(String(unknown.params['additionalProperty']), missing) !== undefined)
}

function addError(error: ErrorObject, root: unknown, findings: Findings, provided: readonly Provided[]): void {
  const path = toPath(error.instancePath, root)
  const say = explain[error.keyword] ?? explainOther
  say({ error, path, findings, provided, schema: error.parentSchema as Schema, params: error.params as Record<string, never> })
}

/** A JSON pointer as steps; steps into lists become numbers. */
function toPath(pointer: string, root: unknown): ValuePath {
  let value = root
  return pointer.split('/').slice(1).map((part) => {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    const step = Array.isArray(value) ? Number(key) : key
    value = (value as Record<string | number, unknown>)[step]
    return step
  })
}

interface Explained {
  readonly error: ErrorObject
  readonly path: ValuePath
  readonly findings: Findings
  readonly provided: readonly Provided[]
  readonly schema: Schema
  readonly params: Readonly<Record<string, never>>
}

type Explain = (mistake: Explained) => void

function simple(code: ProblemCode, message: (mistake: Explained) => string): Explain {
  return (mistake) => mistake.findings.add(code, mistake.path, message(mistake))
}

const explain: Readonly<Record<string, Explain>> = {
  additionalProperties({ path, findings, provided, schema, params }) {
    const key: string = params['additionalProperty'] ?? ''
    const known = Object.keys(schema.properties ?? {})
    const kind = schema[kindKeyword] as QuestionKind | undefined
    if (kind !== undefined) return addUnknownName({ path: [...path, key], findings, provided }, 'key', kind, key, known)
    findings.add('MW1101', [...path, key], `unknown key "${key}"${didYouMean(key, known) || ` (known here: ${listed(known)})`}`, { at: 'key' })
  },
  required({ path, findings, params }) {
    findings.add('MW1102', path, `"${String(params['missingProperty'])}" is missing`, { at: 'key' })
  },
  not({ error, path, findings, provided, schema }) {
    const kind = schema[kindKeyword] as QuestionKind | undefined
    if (kind === undefined) return findings.add('MW1106', path, error.message ?? 'is not allowed')
    addUnknownName({ path, findings, provided }, 'value', kind, String(error.data), [])
  },
  enum({ error, path, findings, provided, schema }) {
    const allowed = (schema.enum ?? []).map(String)
    const kind = schema[kindKeyword] as QuestionKind | undefined
    if (kind !== undefined) return addUnknownName({ path, findings, provided }, 'value', kind, String(error.data), allowed)
    const found = JSON.stringify(error.data)
    const hint = typeof error.data === 'string' ? didYouMean(error.data, allowed) : ''
    findings.add('MW1105', path, `${found} is not one of ${listed(allowed)}${hint}`)
  },
  const: simple('MW1105', ({ schema }) => `must be ${JSON.stringify(schema.const)}`),
  type: simple('MW1103', ({ error, path, schema }) => typeMessage(path, error.data, typeNames([schema]))),
  anyOf: simple('MW1103', ({ error, path, schema }) => typeMessage(path, error.data, typeNames(schema.anyOf ?? []))),
  minProperties: simple('MW1102', ({ schema }) => `needs exactly one of ${listed(Object.keys(schema.properties ?? {}))}`),
  maxProperties: simple('MW1104', ({ error, schema }) => {
    const found = Object.keys(error.data as object)
    return schema[kindKeyword] === undefined
      ? `takes exactly one of ${listed(Object.keys(schema.properties ?? {}))}, but has ${listed(found)}`
      : `takes one name with its options, but has ${listed(found)}: indent the options below the name`
  }),
  minItems: simple('MW1104', ({ schema }) => `needs at least ${schema.minItems} element`),
  minLength: simple('MW1104', () => 'must not be empty'),
  minimum: simple('MW1104', ({ error, schema }) => rangeMessage(error.data, schema)),
  maximum: simple('MW1104', ({ error, schema }) => rangeMessage(error.data, schema)),
  pattern: simple('MW1106', ({ schema }) => `must match the pattern ${String(schema['pattern'])}`),
}

function explainOther({ error, path, findings }: Explained): void {
  findings.add('MW1106', path, error.message ?? `breaks the rule "${error.keyword}" of its schema`)
}

type Place = Pick<Explained, 'path' | 'findings' | 'provided'>

function addUnknownName({ path, findings, provided }: Place, at: 'key' | 'value', kind: QuestionKind, name: string, known: readonly string[]): void {
  const hint = otherFilter(kind, name, provided) || didYouMean(name, known) || (known.length === 0 ? ' (no plugin provides any)' : ` (provided: ${listed(known)})`)
  findings.add('MW1201', path, `unknown ${kind} "${name}"${hint}`, { at })
}

/** Filters for requests, and those for connections, are taken for each other. */
function otherFilter(kind: QuestionKind, name: string, provided: readonly Provided[]): string {
  const is = (other: QuestionKind): boolean => provided.some((one) => one.kind === other && one.name === name)
  if (kind === 'networkFilter' && is('filter')) return ': it is a filter for requests, and this listener carries TCP'
  return kind === 'filter' && is('networkFilter') ? ': it is a filter for the connections of TCP listeners, and this is for requests' : ''
}

function rangeMessage(value: unknown, schema: Schema): string {
  const { minimum: low, maximum: high } = schema
  if (high === undefined || high === Number.MAX_SAFE_INTEGER) return `${String(value)} is too small: at least ${low}`
  if (low === undefined) return `${String(value)} is too large: at most ${high}`
  return `${String(value)} is out of range: ${low} to ${high}`
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
  null: 'nothing',
}

function typeNames(schemas: readonly Schema[]): string {
  const types = schemas.flatMap((schema) => (schema.const === undefined ? schema.type ?? [] : JSON.stringify(schema.const)))
  return [...new Set(types)].map((type) => typeWords[type] ?? type).join(' or ')
}

function typeMessage(path: ValuePath, value: unknown, wanted: string): string {
  return `must be ${wanted}, not ${valueInWords(value)}${typeHint(String(path.at(-1)), value, wanted)}`
}

function valueInWords(value: unknown): string {
  if (value === null || value === undefined) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  return typeof value === 'function' ? 'a function' : JSON.stringify(value)
}

const duration = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/
const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** The three slips everybody makes: `5s` for milliseconds, a number in quotes, a number or boolean where text is meant. */
function typeHint(key: string, value: unknown, wanted: string): string {
  const number = wanted.endsWith('number')
  const [, amount, unit] = (typeof value === 'string' && key.endsWith('Ms') && duration.exec(value)) || []
  if (number && amount !== undefined && unit !== undefined) return ` (milliseconds: ${Math.round(Number(amount) * (unitMs[unit] ?? 1))})`
  if (number && typeof value === 'string' && /^\d+$/.test(value)) return ` (leave out the quotes: ${value})`
  const scalar = typeof value === 'number' || typeof value === 'boolean'
  return scalar && wanted.startsWith('text') ? ` (put it in quotes: "${String(value)}")` : ''
}

/** Reports names without options that cannot do without: found by giving their schema an empty map. */
export function createNeedsOptions(provided: readonly Provided[]): (kind: QuestionKind, name: string) => readonly string[] {
  return (kind, name) => {
    const schema = provided.find((one) => one.kind === kind && one.name === name)?.schema
    if (schema === undefined) return []
    const validate = createAjv().compile(schema)
    validate({})
    const missing = (validate.errors ?? []).filter((error) => error.keyword === 'required' && error.instancePath === '')
    return missing.map((error) => String(error.params['missingProperty']))
  }
}
