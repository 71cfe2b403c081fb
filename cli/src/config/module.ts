// Reads a configuration that is a module: its default export is the mesh.
import { pathToFileURL } from 'node:url'
import { Findings } from './findings.ts'
import type { Position, Problem } from './problems.ts'
import { unplaced, type Source } from './source.ts'

/**
 * Loads a module anew for each content it has had. What it imports itself is loaded once per process,
 * so a change there takes a restart.
 * @param contentHash decides whether the module counts as changed
 */
export async function readModule(file: string, absolute: string, text: string, contentHash: string): Promise<{ source: Source; problems: readonly Problem[] }> {
  const href = `${pathToFileURL(absolute).href}?content=${contentHash}`
  try {
    const loaded = (await import(href)) as { default?: unknown }
    return described(file, await loaded.default)
  } catch (error) {
    const findings = new Findings(unplaced(file, undefined))
    findings.addAt('MW1006', thrownAt(error, absolute, text), `the module cannot be loaded: ${firstLine(error)}`)
    return { source: unplaced(file, undefined), problems: findings.problems }
  }
}

function described(file: string, value: unknown): { source: Source; problems: readonly Problem[] } {
  const source = unplaced(file, value)
  const findings = new Findings(source)
  if (value === undefined) findings.add('MW1006', [], 'the module has no default export: write `export default defineConfig({ … })`')
  return { source, problems: findings.problems }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}

/** The first line of the stack that lies in the file itself. */
function thrownAt(error: unknown, absolute: string, text: string): Position | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const place = stack.split('\n').find((line) => line.includes(pathToFileURL(absolute).href) || line.includes(absolute))
  const [, line, column] = /:(\d+)(?::(\d+))?\)?$/.exec(place ?? '') ?? []
  const found = text.split(/\r?\n/)[Number(line) - 1]
  if (found === undefined) return undefined
  const start = column === undefined ? found.length - found.trimStart().length + 1 : Number(column)
  const length = column === undefined ? found.trim().length : (/^\w+/.exec(found.slice(start - 1))?.[0].length ?? 1)
  return { line: Number(line), column: start, endColumn: start + Math.max(1, length), text: found }
}
