// How a file names the answers of plugins: a name, or one name with its options. The schema of every such place.
import { Type, type TSchema } from 'typebox'
import type { QuestionKind } from '@meshwright/core'

/** A name that some plugin provides under a kind, with the schema of its options. */
export interface Provided {
  readonly kind: QuestionKind
  readonly name: string
  /** Absent: it takes any options, unchecked. */
  readonly schema?: TSchema | undefined
}

/** The keyword that marks the schema of an answer with its kind, so that mistakes below it can name the kind. */
export const kindKeyword = 'x-meshwright-kind'
/** The keyword that accepts an answer given by value, in modules only. */
export const valueKeyword = 'x-meshwright-value'

/** The methods that make an object an answer to a question of its kind; one is enough. */
const answerMethods: Record<QuestionKind, readonly string[]> = {
  filter: ['onRequestHeaders', 'onRequestBody', 'onAttempt', 'onResponseHeaders', 'onResponseBody', 'onEnd'],
  networkFilter: ['onNewConnection', 'onDownstreamData', 'onUpstreamData', 'onEnd'],
  discovery: ['watch'],
  balancer: ['pick'],
  health: ['check'],
  outlier: ['ended'],
  admission: ['admit'],
  retry: ['next'],
  identity: ['watch'],
  transport: ['send'],
}

/** Whether a value is an answer itself, not the name of one. */
export function isAnswerValue(kind: QuestionKind, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return answerMethods[kind].some((name) => typeof (value as Record<string, unknown>)[name] === 'function')
}

/** Schemas of answers, from the list of provided names. */
export class AnswerSchemas {
  readonly #provided: readonly Provided[]
  readonly #values: boolean

  /** @param values also accept answers by value, as modules can give them */
  constructor(provided: readonly Provided[], values: boolean) {
    this.#provided = provided
    this.#values = values
  }

  /** The schema of one answer of a kind. */
  of(kind: QuestionKind, description: string): TSchema {
    const provided = this.#provided.filter((one) => one.kind === kind).toSorted((a, b) => a.name.localeCompare(b.name))
    const branches = [names(kind, provided), withOptions(kind, provided)]
    if (this.#values) branches.push(Type.Unsafe({ [valueKeyword]: kind }))
    return Type.Union(branches, { description })
  }
}

function names(kind: QuestionKind, provided: readonly Provided[]): TSchema {
  // JSON Schema has no empty enum: where nothing is provided, nothing is allowed.
  const allowed = provided.length === 0 ? { not: {} } : { enum: provided.map((one) => one.name) }
  return Type.Unsafe({ type: 'string', ...allowed, description: 'A name without options.', [kindKeyword]: kind })
}

function withOptions(kind: QuestionKind, provided: readonly Provided[]): TSchema {
  const properties = Object.fromEntries(provided.map((one) => [one.name, one.schema ?? Type.Unsafe({ type: ['object', 'null'] })]))
  return Type.Object(properties, {
    required: [],
    minProperties: 1,
    maxProperties: 1,
    additionalProperties: false,
    description: 'A name and, below it, its options.',
    [kindKeyword]: kind,
  })
}
