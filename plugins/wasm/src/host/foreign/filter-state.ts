// The foreign function `set_envoy_filter_state`: keeps an object of a kind that Envoy knows with the stream.
import { Buffer } from 'node:buffer'
import { contextOf } from '../imports/host-function.ts'
import { Status } from '../status.ts'
import { Message } from './message.ts'
import type { HostForeignFunction } from './table.ts'

/** Those that are nothing but texts. The others would change what Envoy does, and are not found here, as in an Envoy built without them. */
const kinds: ReadonlySet<string> = new Set(['envoy.string', 'envoy.hashable_string'])

/** It is read as the property `filter_state` and its name. */
export const setFilterState: HostForeignFunction = (argument, vm) => {
  const message = new Message(argument)
  const kind = message.text(1)
  const value = message.text(2)
  if (!kinds.has(kind)) return Status.notFound
  return contextOf(vm).setProperty(kind, Buffer.from(value))
}
