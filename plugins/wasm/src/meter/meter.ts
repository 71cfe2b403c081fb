// Rewrites a module so that it burns fuel and keeps within limits: the guard that no filter can get past.
import { fuelExport } from './fuel-export.ts'
import { meterFunction } from './function-body.ts'
import { readValueType } from './instruction.ts'
import { Reader } from './reader.ts'
import { RefusedModule } from './refused-module.ts'
import { rankOf, sectionIds, sectionsOf, type Section } from './sections.ts'
import { Writer } from './writer.ts'

export interface MeterOptions {
  /** Pages of 64 KiB that the memory may have, 1..65536. */
  readonly maxPages: number
  /** Entries that each table may have. Default 1000000. */
  readonly maxTableEntries?: number
  /** Fuel for what runs while the module is instantiated: its start function. Units, whole, 0..2 ** 53. */
  readonly startFuel: number
  /** Whether code pays for what it does. False: only memory and tables are limited, and something else must end what never ends. Default true. */
  readonly charges?: boolean
}

/** What a module may be made of. */
const maxModuleBytes = 64 * 1024 * 1024
const maxTables = 16

/**
 * Answers the module with a meter in it.
 *
 * 1. The original bytes are validated as they are: what is only valid by what is added here would otherwise be let in.
 * 2. A mutable global is added behind the last one. No instruction of the original can name it, as none could be valid that did.
 * 3. Every function and every turn of a loop burns fuel for what it does and is ended when there is none.
 * 4. Memory and tables get a maximum. Sections that only debuggers read are left out.
 *
 * @throws RefusedModule for a module that is not valid, uses what is not supported, or is larger than it may be
 */
export function meter(bytes: Uint8Array<ArrayBuffer>, options: MeterOptions): Uint8Array<ArrayBuffer> {
  if (bytes.length > maxModuleBytes) throw new RefusedModule(`the module has ${bytes.length} bytes, more than ${maxModuleBytes}`)
  const sections = sectionsOf(bytes)
  if (!WebAssembly.validate(bytes)) throw new RefusedModule(`the module is not valid: ${whyInvalid(bytes)}`)
  const metered = new Metering(sections, options).write(bytes.length)
  if (!WebAssembly.validate(metered)) throw new RefusedModule(`the module cannot be metered: ${whyInvalid(metered)}`)
  return metered
}

function whyInvalid(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    void new WebAssembly.Module(bytes)
    return 'for no reason that is known'
  } catch (thrown) {
    return (thrown as Error).message.replace(/^WebAssembly\.Module\(\): /, '')
  }
}

class Metering {
  readonly #sections: readonly Section[]
  readonly #options: Required<MeterOptions>
  /** Parameters of each type. */
  readonly #types: readonly number[]
  /** Types of the functions that have a body. */
  readonly #functions: readonly number[]
  /** Index of the global that is added. */
  readonly #fuel: number

  constructor(sections: readonly Section[], options: MeterOptions) {
    this.#sections = sections
    this.#options = { maxTableEntries: 1_000_000, charges: true, ...options }
    this.#types = listOf(this.#find(sectionIds.type), readParameters)
    this.#functions = listOf(this.#find(sectionIds.function), (reader) => reader.u32())
    checkImports(this.#find(sectionIds.import))
    this.#fuel = this.#find(sectionIds.global)?.u32() ?? 0
  }

  write(originalBytes: number): Uint8Array<ArrayBuffer> {
    const writer = new Writer(Math.ceil(originalBytes * 1.2) + 64)
    writer.copy(Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00))
    for (const { id, content } of this.#withAdded()) {
      if (id === sectionIds.custom && new Reader(content.bytes, content.at, content.end).name() !== 'name') continue
      const rewritten = this.#rewrite(id, content)
      writer.byte(id)
      writer.u32(rewritten.length)
      writer.copy(rewritten)
    }
    return writer.bytes()
  }

  #find(id: number): Reader | undefined {
    const content = this.#sections.find((section) => section.id === id)?.content
    return content === undefined ? undefined : new Reader(content.bytes, content.at, content.end)
  }

  /** The sections, and an empty one for each that something is added to and that the module has not. */
  #withAdded(): Section[] {
    const sections = [...this.#sections]
    for (const id of [sectionIds.global, sectionIds.export]) {
      if (sections.some((section) => section.id === id)) continue
      const at = sections.findIndex((section) => section.id !== sectionIds.custom && rankOf(section.id) > rankOf(id))
      sections.splice(at < 0 ? sections.length : at, 0, { id, content: new Reader(Uint8Array.of(0)) })
    }
    return sections
  }

  #rewrite(id: number, content: Reader): Uint8Array {
    switch (id) {
      case sectionIds.table:
        return this.#tables(content)
      case sectionIds.memory:
        return this.#memory(content)
      case sectionIds.global:
        return this.#options.charges ? this.#globals(content) : content.bytes.subarray(content.at, content.end)
      case sectionIds.export:
        return this.#exports(content)
      case sectionIds.code:
        return this.#options.charges ? this.#code(content) : content.bytes.subarray(content.at, content.end)
      default:
        return content.bytes.subarray(content.at, content.end)
    }
  }

  #tables(content: Reader): Uint8Array {
    const { at } = content
    const count = content.u32()
    if (count > maxTables) throw new RefusedModule(`the module has ${count} tables, more than ${maxTables}`, at)
    const writer = new Writer()
    writer.u32(count)
    for (let table = 0; table < count; table++) {
      const typeAt = content.at
      if (content.bytes[typeAt] === 0x40) throw new RefusedModule('tables with an initial value are not supported', typeAt)
      readValueType(content)
      writer.copy(content.bytes, typeAt, content.at)
      writeLimits(writer, content, this.#options.maxTableEntries, 'table', 'entries')
    }
    return writer.bytes()
  }

  #memory(content: Reader): Uint8Array {
    const count = content.u32()
    if (count > 1) throw new RefusedModule('several memories are not supported')
    const writer = new Writer()
    writer.u32(count)
    if (count === 1) writeLimits(writer, content, this.#options.maxPages, 'memory', 'pages of 64 KiB')
    return writer.bytes()
  }

  #globals(content: Reader): Uint8Array {
    const count = content.u32()
    const writer = new Writer(content.end - content.at + 16)
    writer.u32(count + 1)
    writer.copy(content.bytes, content.at, content.end)
    // i64, mutable, with an initial value
    writer.copy(Uint8Array.of(0x7e, 0x01, 0x42))
    writer.signed(this.#options.startFuel)
    writer.byte(0x0b)
    return writer.bytes()
  }

  #exports(content: Reader): Uint8Array {
    const start = content.at
    const count = content.u32()
    const from = content.at
    for (let each = 0; each < count; each++) {
      if (content.name() === fuelExport) throw new RefusedModule(`the module exports "${fuelExport}", a name that is used here`)
      content.byte()
      content.u32()
    }
    if (!this.#options.charges) return content.bytes.subarray(start, content.end)
    const writer = new Writer(content.end - from + 32)
    writer.u32(count + 1)
    writer.copy(content.bytes, from, content.end)
    const name = new TextEncoder().encode(fuelExport)
    writer.u32(name.length)
    writer.copy(name)
    writer.byte(0x03)
    writer.u32(this.#fuel)
    return writer.bytes()
  }

  #code(content: Reader): Uint8Array {
    const count = content.u32()
    const writer = new Writer(Math.ceil((content.end - content.at) * 1.2) + 16)
    writer.u32(count)
    for (let each = 0; each < count; each++) {
      const parameters = this.#types[this.#functions[each] as number] as number
      const body = meterFunction(content.part(content.u32()), parameters, this.#fuel)
      writer.u32(body.length)
      writer.copy(body)
    }
    return writer.bytes()
  }
}

function listOf<T>(reader: Reader | undefined, read: (reader: Reader) => T): T[] {
  if (reader === undefined) return []
  const list: T[] = []
  for (let count = reader.u32(); count > 0; count--) list.push(read(reader))
  return list
}

/** How many parameters a function type has. Anything else but a plain function type belongs to the garbage collection proposal. */
function readParameters(reader: Reader): number {
  const { at } = reader
  if (reader.byte() !== 0x60) throw new RefusedModule('only plain function types are supported', at)
  const parameters = reader.u32()
  for (let each = 0; each < parameters; each++) readValueType(reader)
  for (let results = reader.u32(); results > 0; results--) readValueType(reader)
  return parameters
}

/** Only functions can be had from this host. */
function checkImports(reader: Reader | undefined): void {
  if (reader === undefined) return
  for (let count = reader.u32(); count > 0; count--) {
    const name = `${reader.name()}.${reader.name()}`
    const { at } = reader
    const kind = reader.byte()
    if (kind !== 0) throw new RefusedModule(`the module imports ${kinds[kind] ?? 'something unknown'} "${name}": only functions can be imported`, at)
    reader.u32()
  }
}

const kinds: readonly string[] = ['a function', 'a table', 'a memory', 'a global', 'a tag']

/** The limits of a memory or a table, with a maximum that is no more than it may be. */
function writeLimits(writer: Writer, content: Reader, most: number, what: string, unit: string): void {
  const { at } = content
  const flags = content.byte()
  if (flags > 1) throw new RefusedModule(`shared or 64-bit ${what === 'memory' ? 'memories' : 'tables'} are not supported`, at)
  const initial = content.u32()
  const own = flags === 1 ? content.u32() : most
  if (initial > most) throw new RefusedModule(`the ${what} begins with ${initial} ${unit}, more than ${most}`, at)
  writer.byte(1)
  writer.u32(initial)
  writer.u32(Math.min(own, most))
}

