// meshwright filter inspect: what a module is, what it asks of a mesh, and what it costs.
import { readFile } from 'node:fs/promises'
import type { CostEstimate, Limits, ModuleInspection } from '@meshwright/wasm/testing'
import { visible } from '../config/print.ts'
import { failure, usage } from './exit.ts'
import { sizeText, timeText } from './filter-compile.ts'

export interface FilterInspectOptions {
  readonly json?: boolean
  /** False: do not run it. */
  readonly run?: boolean
  /** JSON, or a text as it is: what it is configured with while it runs. */
  readonly configuration?: string
  readonly rootId?: string
}

/** Returns the exit code: 1 for a module that a mesh would refuse. */
export async function filterInspect(file: string, { json = false, run = true, configuration, rootId }: FilterInspectOptions): Promise<number> {
  if (!run && (configuration !== undefined || rootId !== undefined)) throw usage('--configuration and --root-id are for running it: leave out --no-run')
  const bytes = await read(file)
  const { inspectModule } = await import('@meshwright/wasm/testing')
  const options = { run, ...(configuration !== undefined && { configuration }), ...(rootId !== undefined && { rootId }) }
  const found = await inspectModule(bytes, options).catch((error: unknown) => {
    throw (error as Error).name === 'RefusedModule' ? failure(`${file}: ${(error as Error).message}`) : error
  })
  if (json) console.log(JSON.stringify({ file, ...found }, null, 2))
  else console.log([file, ...linesOf(found)].join('\n'))
  for (const problem of json ? [] : found.problems) console.error(`meshwright: a mesh refuses it: ${problem}`)
  const { failed } = found.cost ?? {}
  if (!json && failed !== undefined && configuration === undefined) console.error(`meshwright: it had no configuration: if it needs one, give it with --configuration '{ … }'`)
  return found.problems.length > 0 || failed !== undefined ? 1 : 0
}

async function read(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EISDIR') throw failure(`${file} is a folder: name a module, as build/auth.wasm`)
    throw failure(code === 'ENOENT' ? `there is no file ${file}` : `${file} cannot be read: ${message}`)
  })
  if (bytes.byteLength === 0) throw failure(`${file} is empty`)
  return bytes
}

function linesOf(found: ModuleInspection): string[] {
  const rows: readonly (readonly [label: string, value: string | undefined])[] = [
    ['size', sizes(found)],
    ['sha256', found.sha256],
    ['ABI', found.abi ?? 'none that is known'],
    ['language', language(found)],
    ['callbacks', found.callbacks.map((name) => name.replace(/^proxy_/, '')).join(', ') || 'none'],
    ['imports', imports(found)],
    ['exports', found.exports.join(', ') || 'none'],
    ['memory', found.memory === undefined ? 'none' : memory(found.memory)],
    ['tables', found.tables.map(({ initial, maximum }) => `${initial}${maximum === undefined ? '' : ` to ${maximum}`} entries`).join(', ') || 'none'],
    ['functions', `${found.functions}, ${sizeText(found.codeBytes)} of code, ${sizeText(found.dataBytes)} of data`],
    ['sections', found.customSections.map(({ name, bytes }) => `${name} ${sizeText(bytes)}`).join(', ') || undefined],
    ...(found.cost === undefined ? [] : costs(found.cost)),
  ]
  return rows.filter(([, value]) => value !== undefined).map(([label, value]) => `  ${label.padEnd(11)} ${value}`.split('\n').map(visible).join('\n    '))
}

function sizes({ bytes, meteredBytes }: ModuleInspection): string {
  if (meteredBytes === undefined) return sizeText(bytes)
  const more = Math.round((meteredBytes / bytes - 1) * 100)
  return `${sizeText(bytes)}; ${sizeText(meteredBytes)} with the meter in it (${more < 0 ? '−' : '+'}${Math.abs(more)} %)`
}

function language({ language: { name, tools, by } }: ModuleInspection): string {
  const what = name ?? 'not to be seen'
  return `${what}${by === 'traces' && name !== undefined ? ', by its traces' : ''}${tools.length > 0 ? ` (${tools.join(', ')})` : ''}`
}

function imports({ imports: all }: ModuleInspection): string {
  const unknown = all.filter(({ known }) => !known)
  if (all.length === 0) return 'none'
  const names = all.filter(({ known }) => known).map(({ module, name }) => (module === 'env' ? name : `${module}.${name}`))
  return `${names.join(', ')}${unknown.length > 0 ? `; and ${unknown.length} that no mesh has: ${unknown.map(({ module, name }) => `${module}.${name}`).join(', ')}` : ''}`
}

function memory({ initial, maximum }: Limits): string {
  return `${sizeText(initial)}, ${maximum === undefined ? 'no maximum of its own' : `up to ${sizeText(maximum)}`}`
}

function costs({ protocol, startMs, startFuel, exchangeUs, exchangeFuel, callbacks, memoryBytes, outcome, failed }: CostEstimate): [string, string][] {
  if (failed !== undefined) return [['run', failed]]
  return [
    ['start', `${timeText(startMs)} and ${startFuel} units of fuel until it is configured; startFuelMs, by default 250, lets it use 250000000`],
    protocol === 'HTTP'
      ? ['exchange', `about ${exchangeUs.toFixed(1)} µs on this machine, for a small request without a body: ${outcome}`]
      : ['connection', `about ${exchangeUs.toFixed(1)} µs on this machine, for one with a line each way: ${outcome}`],
    ['fuel', `${exchangeFuel} units in ${callbacks} callback${callbacks === 1 ? '' : 's'}; fuelMs, by default 20, lets each use 20000000`],
    ['afterwards', `${sizeText(memoryBytes)} of memory`],
  ]
}
