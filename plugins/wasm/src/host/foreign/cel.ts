// CEL expressions of guests, within bounds: what one costs is known before it is evaluated.
import { createRequire } from 'node:module'
import type { ASTNode, Environment } from '@marcbachmann/cel-js'
import type { Duration } from '@marcbachmann/cel-js/evaluator'

/** An attribute that an expression mentions: its group and its name in it, or a name alone. */
export type Attribute = readonly [group: string, name: string] | readonly [name: string]

/** What attributes are worth: those of a group by their names, others as they are. */
export type AttributeValues = Readonly<Record<string, unknown>>

export interface Expression {
  /** Fuel for one evaluation, at most. */
  readonly fuel: number
  readonly attributes: readonly Attribute[]
  /** Undefined: it has no value, as an attribute is not there or of another type. */
  evaluate(values: AttributeValues): { readonly value: unknown } | undefined
}

const limits = { maxAstNodes: 200, maxDepth: 32, maxListElements: 64, maxMapEntries: 64, maxCallArguments: 8 }
const fuelPerStep = 500

/** Of the functions of CEL those that need no more time and memory than their arguments have. `matches` is none: a pattern can take for ever. */
const functions: ReadonlySet<string> = new Set(
  `size contains startsWith endsWith int uint double string bool bytes type dyn timestamp duration has
  getFullYear getMonth getDate getDayOfMonth getDayOfWeek getDayOfYear getHours getMinutes getSeconds getMilliseconds`.split(/\s+/),
)
/** These go through a list, and not within each other. */
const loops: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])

type Library = typeof import('@marcbachmann/cel-js/evaluator')

let loaded: { readonly library: Library; readonly environment: Environment } | undefined

/** Loaded by the first expression: hardly any guest has one. */
function load(): NonNullable<typeof loaded> {
  if (loaded !== undefined) return loaded
  const library = createRequire(import.meta.url)('@marcbachmann/cel-js/evaluator') as Library
  loaded = { library, environment: new library.Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false, limits }) }
  return loaded
}

/** A span of time as expressions know it. */
export function durationOf(nanoseconds: bigint): Duration {
  const { Duration: Span } = load().library
  return new Span(nanoseconds / 1_000_000_000n, Number(nanoseconds % 1_000_000_000n))
}

/** Undefined: it is no expression, or one that is not bounded. */
export function compileExpression(text: string): Expression | undefined {
  try {
    const parsed = load().environment.parse(text)
    const survey = new Survey()
    survey.visit(parsed.ast, false)
    if (survey.unbounded) return undefined
    return { fuel: survey.steps * fuelPerStep, attributes: survey.attributes, evaluate: (values) => attempt(() => parsed(values)) }
  } catch {
    // Whatever the parser says, to the guest it is no expression.
    return undefined
  }
}

function attempt(work: () => unknown): { value: unknown } | undefined {
  try {
    return { value: work() }
  } catch {
    // An attribute that is not there, types that do not fit, a number that is too great: there is no value.
    return undefined
  }
}

/** What an expression mentions, and how many steps it can take. */
class Survey {
  readonly attributes: Attribute[] = []
  unbounded = false
  #nodes = 0
  #looped = 0

  /** What goes round goes round no more often than the expression has parts. */
  get steps(): number {
    return this.#nodes + this.#looped * Math.max(this.#nodes, 1)
  }

  visit(node: ASTNode, inLoop: boolean): void {
    this.#nodes++
    if (inLoop) this.#looped++
    switch (node.op) {
      case 'value':
        return
      case 'id':
        this.attributes.push([node.args])
        return
      case '.':
        this.#member(node.args[0], node.args[1], inLoop)
        return
      case '[]':
        if (node.args[1].op === 'value') this.#member(node.args[0], String(node.args[1].args), inLoop)
        else this.#visitAll(node.args, inLoop)
        return
      case 'call':
        this.#call(node.args[0], [], node.args[1], inLoop)
        return
      case 'rcall':
        this.#call(node.args[0], [node.args[1]], node.args[2], inLoop)
        return
      case 'map':
        this.#visitAll(node.args.flat(), inLoop)
        return
      case '!_':
      case '-_':
        this.visit(node.args, inLoop)
        return
      default:
        this.#visitAll(node.args as readonly ASTNode[], inLoop)
    }
  }

  #call(name: string, on: readonly ASTNode[], given: readonly ASTNode[], inLoop: boolean): void {
    const isLoop = loops.has(name)
    if ((isLoop && inLoop) || !(isLoop || functions.has(name))) this.unbounded = true
    this.#visitAll(on, inLoop)
    this.#visitAll(given, inLoop || isLoop)
  }

  #visitAll(nodes: readonly ASTNode[], inLoop: boolean): void {
    for (const node of nodes) this.visit(node, inLoop)
  }

  #member(of: ASTNode, name: string, inLoop: boolean): void {
    if (of.op === 'id') this.attributes.push([of.args, name])
    else this.visit(of, inLoop)
  }
}
