// Callbacks with other parameters or another result than the SDK's: the compiler speaks of overloads and types of functions, twice.
import { isFilterBase, signatureOf } from './callbacks.ts'
import type { RawDiagnostic } from './diagnostic.ts'
import { sdkName } from './entry.ts'

const ours = 102
const notAssignable = 2322
const overload = 2394
const base = new RegExp(`is not assignable to type '\\(this: ~lib/${sdkName}/[\\w-]+/(\\w+)`)

/** One diagnostic in place of both, which says how the callback is written. @param textOf the text of a file; undefined: unknown */
export function sayHowItIsWritten(raw: readonly RawDiagnostic[], textOf: (file: string) => string | undefined): RawDiagnostic[] {
  const told = raw.map((one) => withSignature(one, textOf))
  return told.filter((one, at) => one.code !== overload || !told.some((other, place) => other !== raw[place] && place !== at && isSamePlace(one, other)))
}

function withSignature(one: RawDiagnostic, textOf: (file: string) => string | undefined): RawDiagnostic {
  const { code, message, range } = one
  const owner = base.exec(message)?.[1]
  if (code !== notAssignable || (owner !== 'Plugin' && !isFilterBase(owner)) || range === null) return one
  const name = textOf(range.source?.normalizedPath ?? '')?.slice(range.start, range.end) ?? ''
  const signature = signatureOf(name, owner)
  return signature === undefined ? one : { ...one, range, code: ours, message: `"${name}" is written ${signature}` }
}

function isSamePlace({ range: a }: RawDiagnostic, { range: b }: RawDiagnostic): boolean {
  return a !== null && b !== null && a.start === b.start && a.source?.normalizedPath === b.source?.normalizedPath
}
