// Collects the problems of one file, each with its position and its path in words.
import { problemKind, type Problem, type ProblemCode, type Position, type Related, type ValuePath } from './problems.ts'
import { pathInWords, type PathEnd, type Source } from './source.ts'

/** More than this helps nobody, and a hostile file could ask for millions. */
const mostProblems = 1000

/** What a check may say beyond code, path and message. */
export interface FindingDetails {
  /** Point at the key instead of the value. Default `value`. */
  readonly at?: PathEnd
  /** Other values of the same file that explain it. */
  readonly related?: readonly { readonly message: string; readonly path: ValuePath; readonly at?: PathEnd }[]
}

/** The problems of one file, as they are found. */
export class Findings {
  readonly problems: Problem[] = []
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
  }

  /** Adds a problem with the value at `path`; the level comes from the table. */
  add(code: ProblemCode, path: ValuePath, message: string, details: FindingDetails = {}): void {
    const related = (details.related ?? []).map(({ message, path, at }) => this.#related(message, path, at ?? 'key'))
    // What is about the whole file has no place in it.
    const position = path.length === 0 ? undefined : this.#source.locate(path, details.at ?? 'value')
    this.#push(code, path, message, position, related)
  }

  /** Adds a problem with a place in the text that is no value, such as a syntax error. */
  addAt(code: ProblemCode, position: Position | undefined, message: string, related: readonly Related[] = []): void {
    this.#push(code, [], message, position, related)
  }

  #push(code: ProblemCode, path: ValuePath, message: string, position: Position | undefined, related: readonly Related[]): void {
    if (this.problems.length >= mostProblems) return
    const { file, value } = this.#source
    const where = pathInWords(path, value)
    const level = problemKind(code).level
    this.problems.push({ code, level, message, file, path, where, related, ...(position !== undefined && { position }) })
  }

  #related(message: string, path: ValuePath, at: PathEnd): Related {
    const position = this.#source.locate(path, at)
    return { message, file: this.#source.file, ...(position !== undefined && { position }) }
  }
}
