// The sections of a module, found but not yet understood.
import { Reader } from './reader.ts'
import { RefusedModule } from './refused-module.ts'

export const sectionIds = { custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, start: 8, element: 9, code: 10, data: 11, dataCount: 12, tag: 13 } as const

/** In which order sections stand in a module. Custom ones may stand anywhere. */
const order: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11]

export interface Section {
  readonly id: number
  /** At its content. */
  readonly content: Reader
}

/** Where a section of this id stands among the others. */
export function rankOf(id: number): number {
  return order.indexOf(id)
}

/** The sections of a module in their order. @throws RefusedModule if it is no module, or not of version 1 */
export function sectionsOf(bytes: Uint8Array): Section[] {
  const reader = new Reader(bytes)
  const magic = [0x00, 0x61, 0x73, 0x6d]
  if (magic.some((byte, at) => bytes[at] !== byte)) throw new RefusedModule('this is no WebAssembly module')
  if (bytes.length < 8) throw new RefusedModule('the module ends too early', bytes.length)
  if (bytes[4] !== 1 || bytes[5] !== 0 || bytes[6] !== 0 || bytes[7] !== 0) throw new RefusedModule('only version 1 of WebAssembly is known (a component is no module)')
  reader.at = 8
  const sections: Section[] = []
  while (!reader.done) {
    const { at } = reader
    const id = reader.byte()
    if (id !== sectionIds.custom && rankOf(id) < 0) throw new RefusedModule(`unknown section ${id}`, at)
    sections.push({ id, content: reader.part(reader.u32()) })
  }
  return sections
}
