// What happens when a filter fails: one line in the log that says where, then the end of the VM, which the host replaces.
import { proxy_log } from './abi'
import { Level } from './enums'
import { begin, put, putAt } from './memory'

/** The compiler calls it in place of `abort`. */
export function onAbort(message: string | null, file: string | null, line: u32, column: u32): void {
  const what = message == null ? 'it gave up' : message
  const where = file == null ? 'an unknown place' : file
  begin()
  const length = put(`${where}:${line}:${column}: ${what}`)
  proxy_log(Level.Critical, putAt, length)
  unreachable()
}
