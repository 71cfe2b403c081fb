// A configuration file that has been read: its value, and where in the text each part of the value stands.
import type { Position, ValuePath } from './problems.ts'

/** Which part of `key: value` is meant. */
export type PathEnd = 'key' | 'value'

/** A file that has been read. */
export interface Source {
  /** As the user named it. */
  readonly file: string
  /** What it says; undefined if it could not be read. */
  readonly value: unknown
  /** Where the value at a path, or its key, stands. Undefined where the file has no positions. */
  locate(path: ValuePath, end: PathEnd): Position | undefined
}

/** A source without positions: a module, or nothing at all. */
export function unplaced(file: string, value: unknown): Source {
  return { file, value, locate: () => undefined }
}

const word = /^[\w.*@/:-]+$/

/** A path for people: `routes › 2 › to`. List elements are counted from 1, or called by their `name` if they have one. */
export function pathInWords(path: ValuePath, root: unknown): string {
  const words: string[] = []
  let value = root
  for (const step of path) {
    value = typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[step] : undefined
    words.push(typeof step === 'number' ? elementInWords(step, value) : word.test(step) ? step : JSON.stringify(step))
  }
  return words.join(' › ')
}

function elementInWords(index: number, value: unknown): string {
  const name = typeof value === 'object' && value !== null ? (value as { name?: unknown }).name : undefined
  return typeof name === 'string' && name !== '' ? JSON.stringify(name) : String(index + 1)
}
