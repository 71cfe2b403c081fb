// What the compiler has to say: as data, and as text with the lines it is about.

export interface Diagnostic {
  /** `TS2322`, `AS100`; `MW1` for what only filters can get wrong. */
  readonly code: string
  readonly severity: 'error' | 'warning' | 'info'
  readonly message: string
  /** Path as it was given to the compiler, with slashes; undefined: it is about no file. */
  readonly file: string | undefined
  /** 1-based; 0 without a file. */
  readonly line: number
  /** 1-based, in UTF-16 units. */
  readonly column: number
  /** Units that are meant, within the line. */
  readonly length: number
  /** The line itself. */
  readonly source: string
}

/** What the compiler hands over. */
export interface RawDiagnostic {
  readonly message: string
  readonly code: number
  readonly category: number
  readonly range: { readonly start: number; readonly end: number; readonly source: { readonly normalizedPath: string } | null } | null
}

const severities: readonly Diagnostic['severity'][] = ['info', 'info', 'warning', 'error']
const ours = 102

/** @param textOf the text of a file; undefined: unknown */
export function toDiagnostic(raw: RawDiagnostic, textOf: (file: string) => string | undefined): Diagnostic {
  const file = raw.range?.source?.normalizedPath
  const text = file === undefined ? undefined : textOf(file)
  const place = raw.range === null || text === undefined ? { line: 0, column: 0, length: 0, source: '' } : placeOf(text, raw.range.start, raw.range.end)
  const code = raw.code === ours ? 'MW1' : raw.code < 1_000 ? `AS${raw.code}` : `TS${raw.code}`
  return { code, severity: severities[raw.category] ?? 'error', message: raw.message.replace(/^User-defined: /, ''), file, ...place }
}

function placeOf(text: string, start: number, end: number): Pick<Diagnostic, 'line' | 'column' | 'length' | 'source'> {
  const from = text.lastIndexOf('\n', start - 1) + 1
  const to = text.indexOf('\n', start)
  const source = text.slice(from, to < 0 ? text.length : to).replace(/\r$/, '')
  return { line: text.slice(0, from).split('\n').length, column: start - from + 1, length: Math.max(1, Math.min(end - start, source.length - (start - from))), source }
}

/** `assembly/index.ts:5:3  error TS2322: …` and the line with a mark under what is meant. */
export function formatDiagnostic({ code, severity, message, file, line, column, length, source }: Diagnostic): string {
  const said = `${severity} ${code}: ${message}`
  if (file === undefined || line === 0) return said
  const number = `${line}`
  const indent = ' '.repeat(number.length)
  const marks = source.slice(0, column - 1).replaceAll(/[^\t]/g, ' ') + '^'.repeat(length)
  return `${file}:${line}:${column}  ${said}\n\n  ${number} | ${source}\n  ${indent} | ${marks}\n`
}
