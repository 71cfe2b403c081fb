// Rewrites the code of one function so that it pays for what it does.
import { chargesOf, type BulkCharge } from './charges.ts'
import { readValueType } from './instruction.ts'
import type { Reader } from './reader.ts'
import { RefusedModule } from './refused-module.ts'
import { Writer } from './writer.ts'

const op = {
  unreachable: 0x00,
  if: 0x04,
  end: 0x0b,
  localGet: 0x20,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i64Const: 0x42,
  i64LtS: 0x53,
  i32Add: 0x6a,
  i32And: 0x71,
  i32Shl: 0x74,
  i32ShrU: 0x76,
  i64Sub: 0x7d,
  i64ExtendI32U: 0xad,
  i32: 0x7f,
  noValue: 0x40,
} as const

/** A call without what it does. */
const callCost = 4
/** Locals are set to 0 at each call. */
const localsPerUnit = 4
/** The first call of a function compiles it, which takes time that nobody pays for. */
const maxFunctionBytes = 2 * 1024 * 1024
/** V8 takes no more. */
const maxLocals = 50_000

/**
 * @param body the declarations of locals and the code, as a module has them behind the size
 * @param parameters how many the function has
 * @param fuel index of the global that is burned
 * @returns the same, paying
 */
export function meterFunction(body: Reader, parameters: number, fuel: number): Uint8Array {
  const writer = new Writer(Math.ceil((body.end - body.at) * 1.25) + 32)
  const from = body.at
  if (body.end - from > maxFunctionBytes) throw new RefusedModule(`a function has more than ${maxFunctionBytes} bytes`, from)
  const groups = body.u32()
  const groupsAt = body.at
  let locals = 0
  for (let group = 0; group < groups; group++) {
    locals += body.u32()
    readValueType(body)
  }
  if (locals > maxLocals) throw new RefusedModule(`a function has more than ${maxLocals} local variables`, from)
  const codeAt = body.at
  const { charges, bulks } = chargesOf(body, callCost + Math.ceil(locals / localsPerUnit))
  // How much a bulk operation is asked to do is kept in a local of our own.
  const amount = parameters + locals
  writer.u32(bulks.length > 0 ? groups + 1 : groups)
  writer.copy(body.bytes, groupsAt, codeAt)
  if (bulks.length > 0) {
    writer.u32(1)
    writer.byte(op.i32)
  }
  let copied = codeAt
  const copyTo = (at: number): void => {
    writer.copy(body.bytes, copied, at)
    copied = at
  }
  let bulk = 0
  for (const charge of charges) {
    for (; bulk < bulks.length && (bulks[bulk] as BulkCharge).at < charge.at; bulk++) writeBulk(bulks[bulk] as BulkCharge)
    if (charge.cost === 0) continue
    copyTo(charge.at)
    writeBurn(writer, fuel, charge.cost)
    if (charge.checked) writeCheck(writer, fuel)
  }
  for (; bulk < bulks.length; bulk++) writeBulk(bulks[bulk] as BulkCharge)
  copyTo(body.end)
  return writer.bytes()

  function writeBulk(charge: BulkCharge): void {
    copyTo(charge.at)
    writeBulkBurn(writer, fuel, amount, charge)
    writeCheck(writer, fuel)
  }
}

function writeBurn(writer: Writer, fuel: number, cost: number): void {
  writeIndexed(writer, op.globalGet, fuel)
  writeConst(writer, op.i64Const, cost)
  writer.byte(op.i64Sub)
  writeIndexed(writer, op.globalSet, fuel)
}

/** Traps if the fuel is used up. */
function writeCheck(writer: Writer, fuel: number): void {
  writeIndexed(writer, op.globalGet, fuel)
  writeConst(writer, op.i64Const, 0)
  writer.byte(op.i64LtS)
  writer.byte(op.if)
  writer.byte(op.noValue)
  writer.byte(op.unreachable)
  writer.byte(op.end)
}

/** The amount lies on the stack and stays there. Amounts are cut to what can be granted at all, so that none of them leaves 32 bits. */
function writeBulkBurn(writer: Writer, fuel: number, amount: number, { kind, table }: BulkCharge): void {
  writeIndexed(writer, op.localTee, amount)
  writeIndexed(writer, op.globalGet, fuel)
  writeIndexed(writer, op.localGet, amount)
  if (kind === 'memory.bulk') {
    // 4 bytes a nanosecond
    writeConst(writer, op.i32Const, 2)
    writer.byte(op.i32ShrU)
  } else {
    // pages are set to 0 when they are touched; entries of tables are written one by one
    writeConst(writer, op.i32Const, kind === 'memory.grow' ? 0xffff : 0xff_ffff)
    writer.byte(op.i32And)
    writeConst(writer, op.i32Const, kind === 'memory.grow' ? 11 : 4)
    writer.byte(op.i32Shl)
  }
  if (kind === 'table.grow') {
    // growing copies what there is
    writer.byte(0xfc)
    writer.u32(16)
    writer.u32(table)
    writeConst(writer, op.i32Const, 1)
    writer.byte(op.i32Shl)
    writer.byte(op.i32Add)
  }
  writer.byte(op.i64ExtendI32U)
  writer.byte(op.i64Sub)
  writeIndexed(writer, op.globalSet, fuel)
}

function writeIndexed(writer: Writer, opcode: number, index: number): void {
  writer.byte(opcode)
  writer.u32(index)
}

function writeConst(writer: Writer, opcode: number, value: number): void {
  writer.byte(opcode)
  writer.signed(value)
}
