// The callbacks for TCP streams that a guest exports, looked up once per VM.
import type { GuestFunction, Vm } from './vm.ts'

/** Undefined: the guest does not want to be asked. */
export interface TcpCallbacks {
  readonly create: GuestFunction | undefined
  readonly newConnection: GuestFunction | undefined
  readonly downstreamData: GuestFunction | undefined
  readonly upstreamData: GuestFunction | undefined
  readonly downstreamClose: GuestFunction | undefined
  readonly upstreamClose: GuestFunction | undefined
  readonly done: GuestFunction | undefined
  readonly log: GuestFunction | undefined
  readonly delete: GuestFunction | undefined
}

export function tcpCallbacks(vm: Vm): TcpCallbacks {
  return {
    create: vm.find('proxy_on_context_create'),
    newConnection: vm.find('proxy_on_new_connection'),
    downstreamData: vm.find('proxy_on_downstream_data'),
    upstreamData: vm.find('proxy_on_upstream_data'),
    downstreamClose: vm.find('proxy_on_downstream_connection_close'),
    upstreamClose: vm.find('proxy_on_upstream_connection_close'),
    done: vm.find('proxy_on_done'),
    log: vm.find('proxy_on_log'),
    delete: vm.find('proxy_on_delete'),
  }
}

const tcp = /^proxy_on_(?:new_connection|(?:downstream|upstream)_(?:data|connection_close))$/
const http = /^proxy_on_(?:request|response)_(?:headers|body|trailers)$/

/** Whether a module is for the one protocol and not for the other: there it would never be asked anything. SDKs mostly export the callbacks of both. */
export function isOnlyFor(protocol: 'HTTP' | 'TCP', exports: ReadonlySet<string>): boolean {
  const [own, other] = protocol === 'HTTP' ? [http, tcp] : [tcp, http]
  const names = [...exports]
  return names.some((name) => own.test(name)) && !names.some((name) => other.test(name))
}
