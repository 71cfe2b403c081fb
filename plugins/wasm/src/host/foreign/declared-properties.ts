// The foreign function `declare_property`: what a plugin says of properties before it keeps them.
import type { RootContext } from '../root-context.ts'
import { Status } from '../status.ts'
import { Message } from './message.ts'
import type { HostForeignFunction } from './table.ts'

/** Names that one context may declare, and how long each may be. */
const maxNames = 1_000
const maxNameBytes = 1_024

/** Whether each may be kept only once. Types and schemas say how Envoy's own expressions read a property; guests read bytes. */
const declared = new WeakMap<object, Map<string, boolean>>()

/** A second declaration of a name is a bad argument. */
export const declareProperty: HostForeignFunction = (argument, vm) => {
  const message = new Message(argument)
  const name = message.text(1)
  const of = vm.current
  if (of === undefined) return Status.notFound
  const names = declared.get(of) ?? new Map<string, boolean>()
  declared.set(of, names)
  if (names.has(name) || name.length > maxNameBytes || names.size >= maxNames) return Status.badArgument
  names.set(name, message.bool(2))
  return Status.ok
}

/** Whether a plugin has said that a property may be kept only once. */
export function isReadOnly(root: RootContext, name: string): boolean {
  return declared.get(root)?.get(name) === true
}
