// Regular expressions of routes: anchored, and refused when their running time could explode.
import ret, { types, type Group, type Repetition, type Root, type Set as SetToken, type SetTokens, type Token } from 'ret'
import { badRoute, quote } from './valid.ts'

// The package's types describe an ES module; what Node loads is the function itself.
const tokenize = ret as unknown as (source: string) => Root

const maxLength = 1024
const maxRepetitions = 25

/**
 * Compiles a regular expression that must match the whole of a text (mode `u` and `s`, case-sensitive).
 *
 * JavaScript's engine backtracks, so patterns whose time can grow exponentially with the text are refused: a repetition
 * inside a repetition, or alternatives inside one, where it is not plain from the next character which way to go.
 * `(/[^/]+)*` and `(/v[0-9]+)?` pass; `(a+)+` and `(a|ab)*` do not. Polynomial time (`.*a.*b`) is the writer's own affair,
 * bounded by the limits on the length of targets and heads.
 * @param field names the place in error messages
 * @throws MESH_BAD_ROUTE
 */
export function compileRegex(source: unknown, field: string): RegExp {
  if (typeof source !== 'string') throw badRoute(field, `${quote(source)} is not a regular expression`)
  if (source.length > maxLength) throw badRoute(field, `a regular expression has at most ${maxLength} characters, this one has ${source.length}`)
  // Alone first: `a)|(b` is only well-formed inside the group below.
  parse(() => new RegExp(source, 'us'), source, field)
  const tree = parse(() => tokenize(source), source, field)
  if (countRepetitions(tree) > maxRepetitions) throw badRoute(field, `${quote(source)} repeats more than ${maxRepetitions} times`)
  if (!steady(tree)) throw badRoute(field, `${quote(source)} could take exponential time; make each repetition start with a character of its own`)
  return new RegExp(`^(?:${source})$`, 'us')
}

function parse<T>(make: () => T, source: string, field: string): T {
  try {
    return make()
  } catch (error) {
    throw badRoute(field, `${quote(source)} is not a regular expression that can be checked`, error)
  }
}

type Node = Root | Token

function branches(node: Node): readonly (readonly Token[])[] {
  if (node.type === types.REPETITION) return [[node.value]]
  if (node.type !== types.ROOT && node.type !== types.GROUP) return []
  const group: Root | Group = node
  return group.options ?? [group.stack ?? []]
}

function countRepetitions(node: Node): number {
  let count = node.type === types.REPETITION ? 1 : 0
  for (const branch of branches(node)) for (const token of branch) count += countRepetitions(token)
  return count
}

/** Whether no repetition anywhere can divide the same text among its turns in more than one way. */
function steady(node: Node): boolean {
  if (node.type === types.REPETITION && node.max > 1 && !steadyTurns(node)) return false
  return branches(node).every((branch) => branch.every(steady))
}

/** Each turn must start with a literal character that nothing variable inside a turn can take, each alternative with another. */
function steadyTurns(repetition: Repetition): boolean {
  if (!isVariable(repetition.value)) return true
  const starts = new Set<number>()
  const inner = unwrap(repetition.value)
  for (const branch of branches(inner)) {
    const first = branch[0]
    if (first?.type !== types.CHAR || starts.has(first.value)) return false
    starts.add(first.value)
  }
  return branches(inner).every((branch) => branch.every((token) => !isVariable(token) || ![...starts].some((code) => mayTake(token, code))))
}

/** Whether the text a node takes can differ in more than single characters of a set: repetitions, alternatives, references. */
function isVariable(node: Node): boolean {
  if (node.type === types.REPETITION || node.type === types.REFERENCE) return true
  const all = branches(node)
  return all.length > 1 || all.some((branch) => branch.some(isVariable))
}

function unwrap(node: Token): Token {
  const [only, ...more] = branches(node)
  const [first, ...rest] = only ?? []
  return node.type === types.GROUP && more.length === 0 && rest.length === 0 && first?.type === types.GROUP ? unwrap(first) : node
}

function mayTake(node: Node, code: number): boolean {
  if (node.type === types.CHAR) return node.value === code
  if (node.type === types.SET) return inSet(node, code)
  if (node.type === types.REFERENCE) return true
  return branches(node).some((branch) => branch.some((token) => mayTake(token, code)))
}

function inSet(node: SetToken, code: number): boolean {
  const among = (tokens: SetTokens): boolean =>
    tokens.some((token) => {
      if (token.type === types.CHAR) return token.value === code
      if (token.type === types.RANGE) return token.from <= code && code <= token.to
      return inSet(token, code)
    })
  return among(node.set) !== node.not
}
