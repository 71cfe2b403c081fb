// The callbacks for HTTP streams that a guest exports, looked up once per VM.
import { higressAbi } from './abis.ts'
import type { Dialect } from './dialect.ts'
import type { GuestFunction, Vm } from './vm.ts'

/** Undefined: the guest does not want to be asked. */
export interface HttpCallbacks {
  readonly create: GuestFunction | undefined
  readonly requestHeaders: GuestFunction | undefined
  readonly requestBody: GuestFunction | undefined
  readonly requestTrailers: GuestFunction | undefined
  readonly responseHeaders: GuestFunction | undefined
  readonly responseBody: GuestFunction | undefined
  readonly responseTrailers: GuestFunction | undefined
  readonly done: GuestFunction | undefined
  readonly log: GuestFunction | undefined
  readonly delete: GuestFunction | undefined
  /** Whether a header callback that stops expects the body all the same, whatever the options say. */
  readonly stopsHeadsOnly: boolean
}

/** Whether a filter has something to do with the heads of requests: the guest is asked, or they wait for what it does with their bodies. */
export function meetsRequests(exports: ReadonlySet<string>, { readsRequests }: Dialect): boolean {
  return exports.has('proxy_on_request_headers') || (readsRequests && exports.has('proxy_on_request_body'))
}

/** Whether a filter has something to do with the heads of responses: the guest is asked, or may have made fields of them before. */
export function meetsResponses(exports: ReadonlySet<string>, { earlyResponses }: Dialect): boolean {
  return exports.has('proxy_on_response_headers') || (earlyResponses && (exports.has('proxy_on_request_headers') || exports.has('proxy_on_request_body')))
}

export function httpCallbacks(vm: Vm): HttpCallbacks {
  return {
    create: vm.find('proxy_on_context_create'),
    requestHeaders: vm.find('proxy_on_request_headers'),
    requestBody: vm.find('proxy_on_request_body'),
    requestTrailers: vm.find('proxy_on_request_trailers'),
    responseHeaders: vm.find('proxy_on_response_headers'),
    responseBody: vm.find('proxy_on_response_body'),
    responseTrailers: vm.find('proxy_on_response_trailers'),
    done: vm.find('proxy_on_done'),
    log: vm.find('proxy_on_log'),
    delete: vm.find('proxy_on_delete'),
    stopsHeadsOnly: vm.find(higressAbi) !== undefined,
  }
}
