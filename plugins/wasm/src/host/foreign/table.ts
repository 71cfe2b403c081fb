// The foreign functions of Envoy, by name.
import type { Buffer } from 'node:buffer'
import { Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { declareProperty } from './declared-properties.ts'
import { createExpression, deleteExpression, evaluateExpression } from './expressions.ts'
import { setFilterState } from './filter-state.ts'
import { Malformed } from './message.ts'
import { sign, verifySignature } from './signatures.ts'
import { compress, uncompress } from './zlib.ts'

/** Answers bytes or a status. @throws Malformed for an argument that is no message: a bad argument */
export type HostForeignFunction = (argument: Buffer, vm: Vm) => Uint8Array | Status

const functions: ReadonlyMap<string, HostForeignFunction> = new Map<string, HostForeignFunction>([
  ['set_envoy_filter_state', setFilterState],
  ['declare_property', declareProperty],
  ['verify_signature', verifySignature],
  ['sign', sign],
  ['compress', compress],
  ['uncompress', uncompress],
  ['expr_create', createExpression],
  ['expr_evaluate', evaluateExpression],
  ['expr_delete', deleteExpression],
])

/** Undefined: there is no such function. */
export function callHostForeign(name: string, argument: Buffer, vm: Vm): Uint8Array | Status | undefined {
  const work = functions.get(name)
  if (work === undefined) return undefined
  try {
    return work(argument, vm)
  } catch (thrown) {
    if (thrown instanceof Malformed) return Status.badArgument
    throw thrown
  }
}
