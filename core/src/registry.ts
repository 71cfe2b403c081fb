// Who answers which question: the names that plugins have provided.
import type { TSchema } from 'typebox'
import { MeshError, messageOf, toMeshError } from './errors.ts'
import { checkOptions } from './options.ts'
import type { QuestionKind, Questions } from './questions.ts'
import { SharedBlocks, type SharedMemory } from './shared-memory.ts'
import type { Answer } from './spec.ts'
import type { TransportOptions } from './transport/options.ts'

/** What an answer is made for. */
export interface AnswerContext {
  /** The service it is for; undefined for filters and listeners. */
  readonly service?: string
  /** What a transport is made for; for transports only. */
  readonly transport?: TransportOptions
  /**
   * Memory that this answer shares with all answers of the same kind and name that ask for the same (filters of both kinds are one): in every data-plane thread
   * of the process, and across reloads for as long as each configuration asks for it again. Zeroes at first.
   *
   * To be called while the answer is made, on every side (see {@link Mesh.side}) with the same arguments. A thread may be
   * ended at any instruction: change the memory by single atomic operations that leave it valid, never under a lock.
   * @param name up to 200 characters
   * @param bytes 1..; another size is other memory. All that there is: 1000 pieces, 256 MiB
   * @throws MESH_BAD_OPTIONS, MESH_SHARED_MEMORY_FULL; MESH_WORKER_FAILED in a thread if the supervisor was not asked
   */
  shared(name: string, bytes: number): SharedArrayBuffer
}

/** Where an answer is named. */
export interface AnswerPlace extends Omit<AnswerContext, 'shared'> {
  /** It outlives every configuration. Default false. */
  readonly lasting?: boolean
}

/** Makes one answer; called once for each place that names it. */
export type MakeAnswer<K extends QuestionKind> = (options: never, context: AnswerContext) => Questions[K]

/** A name that a plugin provides. */
export interface Provided {
  readonly kind: QuestionKind
  readonly name: string
  /** Of its options; undefined: anything goes. */
  readonly schema: TSchema | undefined
}

type Entry = Provided & { readonly make: (options: unknown, context: AnswerContext) => unknown }

export class Registry {
  readonly #entries = new Map<string, Entry>()
  readonly #memory: SharedMemory

  constructor(memory: SharedMemory = new SharedBlocks()) {
    this.#memory = memory
  }

  /** @throws MESH_DUPLICATE_NAME if the kind has that name already */
  provide<K extends QuestionKind>(kind: K, name: string, make: MakeAnswer<K>, schema?: TSchema): void {
    const key = `${kind} ${name}`
    if (this.#entries.has(key)) throw new MeshError('MESH_DUPLICATE_NAME', `${kind} "${name}" is provided twice`)
    this.#entries.set(key, { kind, name, schema, make: make as Entry['make'] })
  }

  /** All names, or those of one kind. */
  list(kind?: QuestionKind): readonly Provided[] {
    return [...this.#entries.values()].filter((entry) => kind === undefined || entry.kind === kind)
  }

  /**
   * The answer itself, from a value, a name, or a name with options.
   * @throws MESH_UNKNOWN_NAME, MESH_BAD_OPTIONS; also for an answer without the methods of its question
   */
  resolve<K extends QuestionKind>(kind: K, answer: Answer<Questions[K]>, place: AnswerPlace): Questions[K] {
    const named = nameOf(answer)
    const of = place.service === undefined ? '' : ` of service "${place.service}"`
    if (named === undefined) return checkAnswer(kind, answer, `${kind}${of}`)
    const entry = this.#entries.get(`${kind} ${named.name}`)
    if (entry === undefined) throw this.#unknown(kind, named.name)
    const owner = `${kind} "${named.name}"${of}`
    const options = checkOptions(owner, entry.schema, named.options)
    try {
      return checkAnswer(kind, entry.make(options, this.#contextOf(entry, place)), owner)
    } catch (thrown) {
      throw toMeshError(thrown, 'MESH_BAD_OPTIONS', `${owner}: ${messageOf(thrown)}`)
    }
  }

  #contextOf({ kind, name }: Entry, { lasting = false, ...place }: AnswerPlace): AnswerContext {
    // Filters of one name share it, whether they are for requests or for connections.
    const of = kind === 'networkFilter' ? 'filter' : kind
    return { ...place, shared: (own, bytes) => this.#memory.take(`${of} ${name} ${own}`, bytes, lasting) }
  }

  #unknown(kind: QuestionKind, name: string): MeshError {
    const known = this.list(kind).map((entry) => entry.name)
    const other = otherKinds[kind]
    if (other !== undefined && this.#entries.has(`${other} ${name}`)) return new MeshError('MESH_UNKNOWN_NAME', `${kind} "${name}": it ${isFor[other]} only; known: ${known.join(', ') || 'none'}`)
    return new MeshError('MESH_UNKNOWN_NAME', `no plugin provides ${kind} "${name}"; known: ${known.join(', ') || 'none'}`)
  }
}

/** The methods that an answer cannot do without. */
const methods: Readonly<Record<QuestionKind, readonly string[]>> = {
  filter: [],
  networkFilter: [],
  discovery: ['watch'],
  balancer: ['pick'],
  health: ['check'],
  outlier: ['ended'],
  admission: ['admit', 'ended'],
  retry: ['next'],
  identity: ['watch'],
  transport: ['send', 'close'],
}

/** Filters for requests, and those for connections, are taken for each other. */
const otherKinds: Partial<Record<QuestionKind, 'filter' | 'networkFilter'>> = { filter: 'networkFilter', networkFilter: 'filter' }
const isFor = { filter: 'is a filter for requests', networkFilter: 'is a filter for the connections of TCP listeners' } as const
const phases = {
  filter: ['onRequestHeaders', 'onRequestBody', 'onAttempt', 'onResponseHeaders', 'onResponseBody'],
  networkFilter: ['onNewConnection', 'onDownstreamData', 'onUpstreamData'],
} as const

/** @throws MESH_BAD_OPTIONS for a filter whose phases are all of the other kind: it would never be asked anything */
function checkPhases(kind: 'filter' | 'networkFilter', other: 'filter' | 'networkFilter', parts: Record<string, unknown>, owner: string): void {
  const has = (phase: string): boolean => typeof parts[phase] === 'function'
  if (!phases[kind].some(has) && phases[other].some(has)) throw new MeshError('MESH_BAD_OPTIONS', `${owner}: ${String(parts['name'])} ${isFor[other]} only`)
}

/** Better now than at the first request. */
function checkAnswer<K extends QuestionKind>(kind: K, answer: unknown, owner: string): Questions[K] {
  const parts = (typeof answer === 'object' && answer !== null) || typeof answer === 'function' ? (answer as Record<string, unknown>) : {}
  const other = otherKinds[kind]
  if (other !== undefined && typeof parts['name'] !== 'string') throw new MeshError('MESH_BAD_OPTIONS', `${owner}: has no name`)
  if (other !== undefined) checkPhases(kind as 'filter' | 'networkFilter', other, parts, owner)
  const missing = methods[kind].find((method) => typeof parts[method] !== 'function')
  if (missing !== undefined) throw new MeshError('MESH_BAD_OPTIONS', `${owner}: has no method "${missing}"`)
  return answer as Questions[K]
}

/** The name and options of an answer by name; undefined for a value. */
function nameOf(answer: unknown): { name: string; options: unknown } | undefined {
  if (typeof answer === 'string') return { name: answer, options: undefined }
  if (typeof answer !== 'object' || answer === null || Object.getPrototypeOf(answer) !== Object.prototype) return undefined
  const keys = Object.keys(answer)
  const [name] = keys
  // A value written as an object literal has methods; a name with options has one key and plain data behind it.
  if (keys.length !== 1 || name === undefined || typeof (answer as Record<string, unknown>)[name] === 'function') return undefined
  return { name, options: (answer as Record<string, unknown>)[name] ?? undefined }
}
