// What the access log keeps of one TCP connection: the fields of an exchange, as far as there is anything to say.
import type { TcpConnection } from '@meshwright/core'
import { toRecord, type AccessRecord, type RecordPlan } from './record.ts'

/** Copies what is known of a connection. `firstByteMs` and `upstreamMs` are until it was connected to the endpoint. */
export function toConnectionRecord({ exchange, error }: TcpConnection, plan: RecordPlan): AccessRecord {
  const nothing = { method: '-', authority: '-', path: '-', status: 0, requestId: '-' }
  return { ...toRecord(exchange, plan), ...nothing, flag: error?.flag ?? '-', code: error?.code ?? '-' }
}
