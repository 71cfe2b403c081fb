// One instruction: how long it is, what it does to the flow, and what it costs. Unknown ones are refused.
import type { Reader } from './reader.ts'
import { RefusedModule } from './refused-module.ts'

/** What an instruction means to a meter. */
export type Flow =
  /** Nothing happens to the flow. */
  | 'plain'
  /** Opens a scope that is entered once. */
  | 'open'
  /** Opens a scope that its branches enter again. */
  | 'loop'
  /** Opens a scope that may be passed over. */
  | 'if'
  /** Begins the other part of a scope: `else`, `catch`. */
  | 'arm'
  | 'end'
  /** What comes next may not be reached. */
  | 'branch'
  /** Takes time by how much it is asked to do. */
  | Bulk

/** Operations on whole ranges. The last operand on the stack is how much, except for `memory.grow` (pages, its only one). */
export type Bulk = 'memory.bulk' | 'memory.grow' | 'table.bulk' | 'table.grow'

export interface Instruction {
  readonly flow: Flow
  /** In units of about a nanosecond. */
  readonly cost: number
  /** The table that a `table.grow` grows. */
  readonly table: number
}

function made(flow: Flow, cost: number, table = 0): Instruction {
  return { flow, cost, table }
}

const simple = made('plain', 1)
const access = made('plain', 3)
const division = made('plain', 8)
const rooting = made('plain', 8)
const open = made('open', 0)
const loop = made('loop', 1)
const conditional = made('if', 1)
const arm = made('arm', 0)
const end = made('end', 0)
const branch = made('branch', 1)
const call = made('plain', 4)
const indirect = made('plain', 10)
const tailCall = made('branch', 10)
const thrown = made('branch', 500)
const reference = made('plain', 20)
const tableSet = made('plain', 40)
const tableBulk = made('table.bulk', 50)
const memoryBulk = made('memory.bulk', 50)
const growMemory = made('memory.grow', 5_000)
const atomic = made('plain', 20)

/** i32 and i64: div_s, div_u, rem_s, rem_u. */
const divisions = new Set([0x6d, 0x6e, 0x6f, 0x70, 0x7f, 0x80, 0x81, 0x82])
/** f32 and f64: sqrt, div. */
const rootings = new Set([0x91, 0x95, 0x9f, 0xa3])

/** Reads one instruction. @throws RefusedModule for one that is not known, or that belongs to a proposal that is not supported */
export function readInstruction(reader: Reader): Instruction {
  const { at } = reader
  const opcode = reader.byte()
  if (opcode >= 0x45 && opcode <= 0xc4) return numeric(opcode)
  if (opcode >= 0x28 && opcode <= 0x3e) return memoryAccess(reader)
  switch (opcode) {
    case 0x00: // unreachable
    case 0x0f: // return
      return branch
    case 0x01: // nop
    case 0x1a: // drop
    case 0x1b: // select
      return simple
    case 0x02: // block
    case 0x06: // try
      readBlockType(reader)
      return open
    case 0x03:
      readBlockType(reader)
      return loop
    case 0x04:
      readBlockType(reader)
      return conditional
    case 0x05: // else
    case 0x19: // catch_all
      return arm
    case 0x07: // catch
      reader.u32()
      return arm
    case 0x08: // throw
    case 0x09: // rethrow
      reader.u32()
      return thrown
    case 0x0a: // throw_ref
      return thrown
    case 0x0b:
      return end
    case 0x18: // delegate
      reader.u32()
      return end
    case 0x0c: // br
    case 0x0d: // br_if
      reader.u32()
      return branch
    case 0x0e: // br_table
      for (let count = reader.u32(); count >= 0; count--) reader.u32()
      return branch
    case 0x10: // call
      reader.u32()
      return call
    case 0x11: // call_indirect
      reader.u32()
      reader.u32()
      return indirect
    case 0x12: // return_call
      reader.u32()
      return tailCall
    case 0x13: // return_call_indirect
      reader.u32()
      reader.u32()
      return tailCall
    case 0x1c: // select with types
      for (let count = reader.u32(); count > 0; count--) readValueType(reader)
      return simple
    case 0x1f: // try_table
      readBlockType(reader)
      readCatches(reader)
      return open
    case 0x20: // local.get
    case 0x21: // local.set
    case 0x22: // local.tee
    case 0x23: // global.get
    case 0x24: // global.set
      reader.u32()
      return simple
    case 0x26: // table.set
      reader.u32()
      return tableSet
    case 0x25: // table.get
    case 0xd2: // ref.func
      reader.u32()
      return reference
    case 0x3f: // memory.size
      reader.u32()
      return simple
    case 0x40:
      reader.u32()
      return growMemory
    case 0x41: // i32.const
      reader.skipNumber(32)
      return simple
    case 0x42: // i64.const
      reader.skipNumber(64)
      return simple
    case 0x43: // f32.const
      reader.skip(4)
      return simple
    case 0x44: // f64.const
      reader.skip(8)
      return simple
    case 0xd0: // ref.null
      readValueType(reader)
      return simple
    case 0xd1: // ref.is_null
      return simple
    case 0xfc:
      return readBulk(reader, at)
    case 0xfd:
      return readVector(reader, at)
    case 0xfe:
      return readAtomic(reader, at)
    default:
      throw unknown(opcode, at)
  }
}

function numeric(opcode: number): Instruction {
  if (divisions.has(opcode)) return division
  return rootings.has(opcode) ? rooting : simple
}

function memoryAccess(reader: Reader): Instruction {
  readMemoryArgument(reader)
  return access
}

/** 0xfc: saturating truncations, and operations on whole ranges. */
function readBulk(reader: Reader, at: number): Instruction {
  const code = reader.u32()
  if (code <= 7) return simple
  switch (code) {
    case 8: // memory.init
    case 10: // memory.copy
      reader.u32()
      reader.u32()
      return memoryBulk
    case 11: // memory.fill
      reader.u32()
      return memoryBulk
    case 9: // data.drop
    case 13: // elem.drop
      reader.u32()
      return reference
    case 12: // table.init
    case 14: // table.copy
      reader.u32()
      reader.u32()
      return tableBulk
    case 15:
      return made('table.grow', 5_000, reader.u32())
    case 16: // table.size
      reader.u32()
      return simple
    case 17: // table.fill
      reader.u32()
      return tableBulk
    default:
      throw unknown(code, at, '0xfc ')
  }
}

/** 0xfd: 128-bit vectors, the relaxed ones included. */
function readVector(reader: Reader, at: number): Instruction {
  const code = reader.u32()
  if (code <= 11 || code === 92 || code === 93) return memoryAccess(reader)
  if (code === 12 || code === 13) {
    reader.skip(16)
  } else if (code >= 21 && code <= 34) {
    reader.byte()
  } else if (code >= 84 && code <= 91) {
    readMemoryArgument(reader)
    reader.byte()
  } else if (code > 0x113) {
    throw unknown(code, at, '0xfd ')
  }
  return access
}

/** 0xfe: atomic operations; on memory that is not shared, waiting traps. */
function readAtomic(reader: Reader, at: number): Instruction {
  const code = reader.u32()
  if (code === 3) {
    reader.byte()
    return atomic
  }
  if (code > 2 && (code < 16 || code > 78)) throw unknown(code, at, '0xfe ')
  readMemoryArgument(reader)
  return atomic
}

/** Alignment and offset. A set bit 6 of the alignment would name another memory than the first. */
function readMemoryArgument(reader: Reader): void {
  const { at } = reader
  if (reader.u32() >= 0x40) throw new RefusedModule('several memories are not supported', at)
  reader.u32()
}

function readBlockType(reader: Reader): void {
  const { at } = reader
  const first = reader.bytes[at]
  if (first === 0x63 || first === 0x64) throw typed(at)
  reader.skipNumber(33)
}

function readCatches(reader: Reader): void {
  for (let count = reader.u32(); count > 0; count--) {
    const { at } = reader
    const kind = reader.byte()
    if (kind > 3) throw new RefusedModule('an unknown kind of catch', at)
    // catch and catch_ref name a tag, catch_all and catch_all_ref do not
    if (kind < 2) reader.u32()
    reader.u32()
  }
}

/** A number, a vector, a funcref, an externref or an exnref. */
export function readValueType(reader: Reader): void {
  const { at } = reader
  const type = reader.byte()
  const known = (type >= 0x7b && type <= 0x7f) || type === 0x70 || type === 0x6f || type === 0x69
  if (!known) throw typed(at)
}

function typed(at: number): RefusedModule {
  return new RefusedModule('typed references (the garbage collection proposal) are not supported', at)
}

function unknown(code: number, at: number, prefix = ''): RefusedModule {
  return new RefusedModule(`unknown instruction ${prefix}0x${code.toString(16)}`, at)
}
