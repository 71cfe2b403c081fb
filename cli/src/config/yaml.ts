// Reads YAML, and JSON as the YAML it is, and remembers where everything stands.
import { isAlias, isCollection, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml'
import type { Alias, Document, Node, ParsedNode, YAMLError } from 'yaml'
import { Findings } from './findings.ts'
import type { Position, Problem, ValuePath } from './problems.ts'
import { unplaced, type PathEnd, type Source } from './source.ts'

/** Deeper than any configuration; a deeper one would exhaust the stack of those who walk it. */
const deepest = 64
const tooDeepMessage = `nested more than ${deepest} levels deep`
/** How often anchors may be used, nested uses multiplied. */
const mostAliases = 100
/** Syntax errors after these are mostly consequences. */
const mostSyntaxErrors = 20

type YamlDocument = Document.Parsed<ParsedNode, true>

/** The text of one file, and the way from offsets to lines. */
class Text {
  readonly text: string
  readonly #lines: LineCounter

  constructor(text: string, lines: LineCounter) {
    this.text = text
    this.#lines = lines
  }

  /** The place between two offsets, cut at the end of its first line. */
  position(start: number, end: number): Position {
    const { line, col } = this.#lines.linePos(Math.min(start, this.text.length))
    const lineStart = this.#lines.lineStarts[line - 1] ?? 0
    const text = (this.text.slice(lineStart).match(/^[^\r\n]*/) ?? [''])[0]
    const endColumn = Math.max(col + 1, Math.min(col + end - start, text.trimEnd().length + 1))
    return { line, column: col, endColumn, text }
  }
}

/** Parses a whole file. Problems of syntax are complete; the value is undefined if there are any. */
export function readYaml(file: string, text: string): { source: Source; problems: readonly Problem[] } {
  const lines = new LineCounter()
  const place = new Text(text, lines)
  const findings = new Findings(unplaced(file, undefined))
  const document = parse(text, lines, findings)
  if (document === undefined) return { source: unplaced(file, undefined), problems: findings.problems }
  const locate = (path: ValuePath, end: PathEnd): Position | undefined => locateIn(document, place, path, end)
  for (const error of withoutConsequences([...document.errors, ...document.warnings])) addSyntax(findings, place, error)
  const value = findings.problems.length === 0 ? toValue(document, place, findings) : undefined
  return { source: { file, value, locate }, problems: findings.problems }
}

function parse(text: string, lines: LineCounter, findings: Findings): YamlDocument | undefined {
  try {
    return parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: true })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    findings.addAt('MW1005', undefined, tooDeepMessage)
    return undefined
  }
}

/** One mistake makes the parser complain several times; the consequences are left out. */
function withoutConsequences(errors: readonly YAMLError[]): readonly YAMLError[] {
  const exhausted = errors.find((error) => error.code === 'RESOURCE_EXHAUSTION')
  if (exhausted !== undefined) return [exhausted]
  const causes = errors.filter((error) => error.code !== 'MULTILINE_IMPLICIT_KEY')
  return (causes.length > 0 ? causes : errors).slice(0, mostSyntaxErrors)
}

function addSyntax(findings: Findings, place: Text, error: YAMLError): void {
  const [start, end] = error.pos
  if (error.code === 'RESOURCE_EXHAUSTION') return findings.addAt('MW1005', undefined, tooDeepMessage)
  if (error.code !== 'DUPLICATE_KEY') return findings.addAt('MW1003', place.position(start, end), inOurWords(error))
  const keyEnd = wordEnd(place.text, start)
  findings.addAt('MW1004', place.position(start, keyEnd), `key "${place.text.slice(start, keyEnd).replaceAll('"', '')}" is written twice`)
}

function wordEnd(text: string, start: number): number {
  return start + (/^("[^"\n]*"|[^\s:,{}]+)/.exec(text.slice(start, start + 200))?.[0].length ?? 1)
}

const ourWords: Partial<Record<YAMLError['code'], string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'a map cannot begin here: check the indentation, or put text that contains a colon in quotes',
  BLOCK_IN_FLOW: 'a comma or a closing bracket is missing before this',
  MULTIPLE_DOCS: 'a second document begins here; a configuration is one document',
  NON_STRING_KEY: 'a key must be text',
  TAB_AS_INDENT: 'a tab where spaces are needed: YAML is indented with spaces only',
  TAG_RESOLVE_FAILED: 'tags (words after an exclamation mark) are not used here',
}

function inOurWords(error: YAMLError): string {
  const theirs = error.message.replace(/\s+/g, ' ').trim()
  return ourWords[error.code] ?? theirs.charAt(0).toLowerCase() + theirs.slice(1)
}

function toValue(document: YamlDocument, place: Text, findings: Findings): unknown {
  const lost = findLostAlias(document)
  if (lost !== undefined) return void findings.addAt('MW1003', positionOf(lost, place), `no anchor is called ${lost.source}`)
  const deep = findTooDeep(document)
  if (deep !== undefined) return void findings.addAt('MW1005', positionOf(deep, place), tooDeepMessage)
  try {
    return withoutCycles(document.toJS({ maxAliasCount: mostAliases }))
  } catch (error) {
    if (!(error instanceof ReferenceError || error instanceof CycleError)) throw error
    const message = error instanceof CycleError ? 'an anchor contains itself' : `aliases are used more than ${mostAliases} times`
    findings.addAt('MW1005', aliasPosition(document, place), message)
    return undefined
  }
}

class CycleError extends Error {}

function findLostAlias(document: YamlDocument): Alias | undefined {
  let found: Alias | undefined
  visit(document, {
    Alias(_key, node) {
      if (node.resolve(document) !== undefined) return undefined
      found = node
      return visit.BREAK
    },
  })
  return found
}

/** A value that contains itself would send every later walk round for ever. */
function withoutCycles(value: unknown, above: readonly unknown[] = []): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (above.includes(value)) throw new CycleError()
  for (const child of Object.values(value)) withoutCycles(child, [...above, value])
  return value
}

function findTooDeep(document: YamlDocument): Node | undefined {
  let found: Node | undefined
  visit(document, {
    Collection(_key, node, path) {
      if (path.filter(isCollection).length < deepest) return undefined
      found = node as Node
      return visit.BREAK
    },
  })
  return found
}

function aliasPosition(document: YamlDocument, place: Text): Position | undefined {
  let last: Position | undefined
  visit(document, { Alias: (_key, node) => void (last = positionOf(node, place)) })
  return last
}

function positionOf(node: unknown, place: Text): Position | undefined {
  if (!isNode(node) || !node.range) return undefined
  return place.position(node.range[0], node.range[1])
}

function locateIn(document: YamlDocument, place: Text, path: ValuePath, end: PathEnd): Position | undefined {
  let node: unknown = document.contents
  let key: unknown = node
  for (const step of path) {
    const found = childOf(resolved(node, document), step)
    // What is missing stands where it should be: at the nearest that is there; but the whole file is no place.
    if (found === undefined && node === document.contents) return undefined
    if (found === undefined) break
    node = isPair(found) ? found.value : found
    key = isPair(found) ? found.key : found
  }
  return positionOf(end === 'key' ? key : collapsed(node, key), place) ?? positionOf(key, place)
}

/** A block of many lines is best shown by its key. */
function collapsed(node: unknown, key: unknown): unknown {
  const block = (isMap(node) || isSeq(node)) && !node.flow
  if (block && isScalar(key)) return key
  return node === null || (isScalar(node) && node.range && node.range[0] === node.range[1]) ? key : node
}

function childOf(node: unknown, step: string | number): unknown {
  if (isMap(node)) return node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(step))
  return isSeq(node) && typeof step === 'number' ? node.items[step] : undefined
}

function resolved(node: unknown, document: YamlDocument): unknown {
  return isAlias(node) ? node.resolve(document) : node
}
