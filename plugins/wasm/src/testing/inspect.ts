// What a module says of itself, read without running it, and what running it costs.
import { createHash } from 'node:crypto'
import { knownImports } from '../host/imports/imports.ts'
import { isOnlyFor } from '../host/tcp-callbacks.ts'
import { readValueType } from '../meter/instruction.ts'
import { meter } from '../meter/meter.ts'
import { Reader } from '../meter/reader.ts'
import { RefusedModule } from '../meter/refused-module.ts'
import { sectionIds, sectionsOf, type Section } from '../meter/sections.ts'
import { estimateCost, type CostEstimate } from './cost.ts'
import { guessLanguage, type LanguageGuess, type Producer } from './language.ts'

export interface ModuleImport {
  readonly module: string
  readonly name: string
  /** Whether this host has it. */
  readonly known: boolean
}

export interface ModuleInspection {
  readonly bytes: number
  /** Of the module as it is. Lower-case hex. */
  readonly sha256: string
  /** As `0.2.1`; undefined: it says of none that we know. */
  readonly abi: string | undefined
  readonly language: LanguageGuess
  readonly imports: readonly ModuleImport[]
  /** Names of the callbacks that a host calls: `proxy_on_request_headers`. */
  readonly callbacks: readonly string[]
  /** What else it exports. */
  readonly exports: readonly string[]
  /** How it gives memory to the host; undefined: it cannot. */
  readonly allocator: string | undefined
  /** Undefined: it exports none. */
  readonly memory: Limits | undefined
  readonly tables: readonly Limits[]
  /** Functions of its own. */
  readonly functions: number
  readonly codeBytes: number
  readonly dataBytes: number
  /** What it is made of beside code and data: names, debug information, signatures. */
  readonly customSections: readonly { readonly name: string; readonly bytes: number }[]
  /** Its size with the meter in it; undefined: it cannot be metered. */
  readonly meteredBytes: number | undefined
  /** Why a mesh would refuse it. Empty: it would not. */
  readonly problems: readonly string[]
  /** Measured on this machine; undefined where it would be refused. */
  readonly cost: CostEstimate | undefined
}

/** For a memory in bytes, for a table in entries. */
export interface Limits {
  readonly initial: number
  /** Undefined: none of its own. */
  readonly maximum: number | undefined
}

export interface InspectOptions {
  /** What it is configured with while its cost is measured. Default: nothing. */
  readonly configuration?: unknown
  readonly rootId?: string
  /** Run it to see what it costs. Default true. */
  readonly run?: boolean
}

const pageBytes = 65_536
const limits = { maxPages: 64 * 16, startFuel: 250_000_000 }
const abiMarker = /^proxy_abi_version_(\d+)_(\d+)_(\d+)$/
const knownAbis: readonly string[] = ['0.1.0', '0.2.0', '0.2.1', '0.2.100']

/** @throws RefusedModule for what is no module at all */
export async function inspectModule(bytes: Uint8Array, { run = true, ...options }: InspectOptions = {}): Promise<ModuleInspection> {
  const own = new Uint8Array(bytes)
  const sections = sectionsOf(own)
  const exported = listOf(sections, sectionIds.export, readExport)
  const imports = listOf(sections, sectionIds.import, readImport).map(withKnown)
  const memories = listOf(sections, sectionIds.memory, (reader) => readLimits(reader, pageBytes))
  const functionNames = exported.filter(({ kind }) => kind === 'function').map(({ name }) => name)
  const customSections = sections.filter(({ id }) => id === sectionIds.custom).map(({ content }) => ({ name: fresh(content).name(), bytes: content.end - content.at }))
  const abi = abiOf(functionNames)
  const metered = meteredOf(own)
  const allocator = ['malloc', 'proxy_on_memory_allocate'].find((name) => functionNames.includes(name))
  const memory = exported.some(({ name, kind }) => name === 'memory' && kind === 'memory') ? memories[0] : undefined
  const problems = problemsOf({ abi, imports, memory, metered, allocator })
  return {
    bytes: own.length,
    sha256: createHash('sha256').update(own).digest('hex'),
    abi,
    language: guessLanguage({ producers: producersOf(sections), exports: functionNames, imports, customSections }),
    imports,
    callbacks: functionNames.filter(isCallback),
    exports: exported.map(({ name }) => name).filter((name) => !isCallback(name) && !abiMarker.test(name)),
    allocator,
    memory,
    tables: listOf(sections, sectionIds.table, readTable),
    functions: listOf(sections, sectionIds.function, (reader) => reader.u32()).length,
    codeBytes: sizeOf(sections, sectionIds.code),
    dataBytes: sizeOf(sections, sectionIds.data),
    customSections,
    meteredBytes: typeof metered === 'number' ? metered : undefined,
    problems,
    cost: run && problems.length === 0 ? await estimateCost(own, isOnlyFor('TCP', new Set(functionNames)) ? 'TCP' : 'HTTP', options) : undefined,
  }
}

function problemsOf(found: { abi: string | undefined; imports: readonly ModuleImport[]; memory: Limits | undefined; metered: number | string; allocator: string | undefined }): string[] {
  const unknown = found.imports.filter(({ known }) => !known).map(({ module, name }) => `${module}.${name}`)
  return [
    ...(typeof found.metered === 'string' ? [found.metered] : []),
    ...(found.abi === undefined ? [`it says nothing of a proxy-wasm ABI that is known: ${knownAbis.join(', ')}`] : []),
    ...(unknown.length > 0 ? [`it imports what this host does not have: ${unknown.join(', ')}`] : []),
    ...(found.memory === undefined ? ['it exports no memory'] : []),
    ...(found.allocator === undefined ? ['it exports neither malloc nor proxy_on_memory_allocate'] : []),
  ]
}

/** The size with a meter in it, or why there can be none. */
function meteredOf(bytes: Uint8Array<ArrayBuffer>): number | string {
  try {
    return meter(bytes, limits).length
  } catch (thrown) {
    if (thrown instanceof RefusedModule) return thrown.message
    throw thrown
  }
}

function abiOf(names: readonly string[]): string | undefined {
  const versions = names.map((name) => abiMarker.exec(name)?.slice(1).join('.')).filter((version) => version !== undefined)
  return versions.find((version) => knownAbis.includes(version))
}

function isCallback(name: string): boolean {
  return /^proxy_(on_|validate_)/.test(name) && name !== 'proxy_on_memory_allocate'
}

function withKnown({ module, name, isFunction }: { module: string; name: string; isFunction: boolean }): ModuleImport {
  return { module, name, known: isFunction && (knownImports().get(module)?.has(name) ?? false) }
}

function sizeOf(sections: readonly Section[], id: number): number {
  return sections.filter((section) => section.id === id).reduce((sum, { content }) => sum + content.end - content.at, 0)
}

/** From the beginning, whoever else reads it. */
function fresh({ bytes, at, end }: Reader): Reader {
  return new Reader(bytes, at, end)
}

/** Every entry of a section. */
function listOf<T>(sections: readonly Section[], id: number, read: (reader: Reader) => T): T[] {
  const section = sections.find((one) => one.id === id)
  if (section === undefined) return []
  const reader = fresh(section.content)
  const list: T[] = []
  for (let count = reader.u32(); count > 0; count--) list.push(read(reader))
  return list
}

const kinds = ['function', 'table', 'memory', 'global', 'tag'] as const

function readExport(reader: Reader): { name: string; kind: string } {
  const name = reader.name()
  const kind = kinds[reader.byte()] ?? 'unknown'
  reader.u32()
  return { name, kind }
}

function readImport(reader: Reader): { module: string; name: string; isFunction: boolean } {
  const module = reader.name()
  const name = reader.name()
  const kind = reader.byte()
  if (kind === 0) reader.u32()
  else if (kind === 1) readTable(reader)
  else if (kind === 2) readLimits(reader, pageBytes)
  else if (kind === 3) {
    readValueType(reader)
    reader.byte()
  } else {
    reader.byte()
    reader.u32()
  }
  return { module, name, isFunction: kind === 0 }
}

function readTable(reader: Reader): Limits {
  if (reader.bytes[reader.at] === 0x40) throw new RefusedModule('tables with an initial value are not supported', reader.at)
  readValueType(reader)
  return readLimits(reader, 1)
}

function readLimits(reader: Reader, unit: number): Limits {
  const flags = reader.byte()
  const initial = reader.u32() * unit
  return { initial, maximum: (flags & 1) === 1 ? reader.u32() * unit : undefined }
}

/** What compilers have written of themselves. @source WebAssembly tool conventions, "Producers Section" */
function producersOf(sections: readonly Section[]): Producer[] {
  for (const { id, content } of sections) {
    if (id !== sectionIds.custom) continue
    const reader = fresh(content)
    if (reader.name() !== 'producers') continue
    const list: Producer[] = []
    for (let fields = reader.u32(); fields > 0; fields--) {
      const field = reader.name()
      for (let values = reader.u32(); values > 0; values--) list.push({ field, name: reader.name(), version: reader.name() })
    }
    return list
  }
  return []
}
