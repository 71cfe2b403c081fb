// The foreign functions `expr_create`, `expr_evaluate` and `expr_delete`: expressions over the attributes of a stream, kept by a plugin.
import { Buffer, isUtf8 } from 'node:buffer'
import { contextOf } from '../imports/host-function.ts'
import { Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { attributesOf } from './attributes.ts'
import { compileExpression, type Expression } from './cel.ts'
import type { HostForeignFunction } from './table.ts'
import { toPropertyBytes } from './cel-value.ts'

/** Expressions that one plugin may keep, and how long each may be. */
const maxExpressions = 1_000
const maxExpressionBytes = 4_096
/** Fuel for making one out of its text, for each byte; and for the first, which loads what reads them. */
const fuelPerByte = 2_000

class Kept {
  readonly expressions = new Map<number, Expression>()
  next = 0
}

const kept = new WeakMap<object, Kept>()

function keptBy(vm: Vm): Kept {
  const { root } = contextOf(vm)
  const known = kept.get(root) ?? new Kept()
  kept.set(root, known)
  return known
}

/** Answers the number under which it is kept; what is no expression, or one too many, is a bad argument. */
export const createExpression: HostForeignFunction = (argument, vm) => {
  const own = keptBy(vm)
  if (argument.byteLength > maxExpressionBytes || !isUtf8(argument) || own.expressions.size >= maxExpressions) return Status.badArgument
  vm.burn(argument.byteLength * fuelPerByte)
  const expression = compileExpression(argument.toString('utf8'))
  if (expression === undefined) return Status.badArgument
  const token = Buffer.alloc(4)
  token.writeUInt32LE(own.next)
  own.expressions.set(own.next++, expression)
  return token
}

/** Answers the value as a property would be; an internal failure where it has none, and a failure to serialize where it has no bytes. */
export const evaluateExpression: HostForeignFunction = (argument, vm) => {
  if (argument.byteLength !== 4) return Status.badArgument
  const expression = keptBy(vm).expressions.get(argument.readUInt32LE())
  if (expression === undefined) return Status.notFound
  vm.burn(expression.fuel)
  const result = expression.evaluate(attributesOf(contextOf(vm), expression.attributes))
  return result === undefined ? Status.internalFailure : (toPropertyBytes(result.value) ?? Status.serializationFailure)
}

export const deleteExpression: HostForeignFunction = (argument, vm) => {
  if (argument.byteLength !== 4) return Status.badArgument
  keptBy(vm).expressions.delete(argument.readUInt32LE())
  return Status.ok
}
