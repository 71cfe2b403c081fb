// Shows problems to people, with the line and a caret, or to programs as JSON.
import { styleText } from 'node:util'
import type { Position, Problem, Related } from './problems.ts'

/** Paints text, or leaves it as it is. */
export type Paint = (style: 'bold' | 'red' | 'yellow' | 'cyan' | 'dim' | 'green', text: string) => string

/** Colours for a stream: none unless it is a terminal, and none under NO_COLOR. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream })
}

/** No colours. */
export const plain: Paint = (_style, text) => text

const widest = 100

/** All problems and a line that counts them. */
export function printProblems(problems: readonly Problem[], paint: Paint): string {
  return [...problems.map((problem) => printProblem(problem, paint)), printCount(problems, paint)].join('\n')
}

/** A problem, or what a compiler says in codes of its own. */
export type Printable = Omit<Problem, 'code'> & { readonly code: string }

/** One problem in two to six lines. */
export function printProblem(problem: Printable, paint: Paint): string {
  const isError = problem.level === 'error'
  const colour = isError ? 'red' : 'yellow'
  const level = isError ? '' : `${paint('yellow', 'warning:')} `
  const head = `${paint('bold', placeOf(problem))}  ${level}${visible(problem.message)}  ${paint('dim', problem.code)}`
  const lines = [head, ...excerpt(problem.position, (caret) => paint(colour, caret), paint)]
  if (problem.path.length > 0) lines.push(paint('dim', `      at ${visible(problem.where)}`))
  return [...lines, ...problem.related.map((one) => `      ${visible(one.message)} ${paint('cyan', `(${placeOf(one)})`)}`)].join('\n')
}

function placeOf({ file, position }: Pick<Related, 'file' | 'position'>): string {
  return position === undefined ? visible(file) : `${visible(file)}:${position.line}:${position.column}`
}

function excerpt(position: Position | undefined, caret: (text: string) => string, paint: Paint): string[] {
  if (position === undefined) return []
  const { text, start, end } = cut({ ...position, text: withoutKeys(position.text) })
  const number = String(position.line).padStart(5)
  return [
    `${paint('dim', `${number} |`)} ${visible(text)}`,
    `${paint('dim', '      |')} ${' '.repeat(start)}${caret('^'.repeat(Math.max(1, end - start)))}`,
  ]
}

/** Somebody may have written a key into the file; what is printed here ends up in the logs of others. A line within PEM has 64 characters and nothing else. */
function withoutKeys(text: string): string {
  return text.replace(/-----BEGIN[A-Z ]*PRIVATE KEY-----.*?(?:-----END[A-Z ]*PRIVATE KEY-----|$)|^\s*[A-Za-z0-9+/=]{60,76}\s*$/gs, (found) => '*'.repeat(found.length))
}

/** The part of a long line around the mistake. */
function cut({ text, column, endColumn }: Position): { text: string; start: number; end: number } {
  const from = column - 1 < widest - 20 ? 0 : column - 1 - 40
  const start = column - 1 - from
  return { text: text.slice(from, from + widest), start, end: Math.min(endColumn - 1 - from, widest) }
}

/** What a file says could move the cursor of the terminal, or hide; each such character is shown as one mark. */
export function visible(text: string): string {
  return withoutKeys(text).replace(/\t/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}

function printCount(problems: readonly Problem[], paint: Paint): string {
  const errors = problems.filter((problem) => problem.level === 'error').length
  const warnings = problems.length - errors
  const counts = [counted(errors, 'error'), counted(warnings, 'warning')].filter((text) => text !== '')
  return paint(errors > 0 ? 'red' : 'yellow', counts.join(', '))
}

function counted(count: number, word: string): string {
  return count === 0 ? '' : `${count} ${word}${count === 1 ? '' : 's'}`
}

/** A problem as programs read it. */
export interface ProblemJson {
  readonly code: string
  readonly level: string
  readonly message: string
  readonly file: string
  /** Counted from 1; absent where the file has no positions. */
  readonly line?: number
  readonly column?: number
  readonly endColumn?: number
  /** JSON pointer (RFC 6901). */
  readonly pointer: string
  readonly where: string
  readonly related: readonly { readonly message: string; readonly file: string; readonly line?: number; readonly column?: number }[]
}

/** The same for programs. */
export function toJson(problem: Problem): ProblemJson {
  const { code, level, message, file, where, position, path, related } = problem
  const pointer = path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  const place = position === undefined ? {} : { line: position.line, column: position.column, endColumn: position.endColumn }
  return { code, level, message, file, ...place, pointer, where, related: related.map(relatedToJson) }
}

function relatedToJson({ message, file, position }: Related): ProblemJson['related'][number] {
  return { message, file, ...(position !== undefined && { line: position.line, column: position.column }) }
}
