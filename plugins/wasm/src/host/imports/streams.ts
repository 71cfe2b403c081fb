// Host functions that steer a stream: go on, end it, answer it; and those that choose whom a call is for.
import { decodePairs } from '../pairs.ts'
import { Status, StreamType } from '../status.ts'
import type { Vm } from '../vm.ts'
import { contextOf, takeBytes, takeText, type HostFunctions } from './host-function.ts'

const lastStream = 3

export function streamFunctions(vm: Vm): HostFunctions {
  const goOn = (type: number): Status => {
    if (type < 0 || type > lastStream) return Status.badArgument
    if (type === StreamType.upstream) return Status.unimplemented
    contextOf(vm).continueStream(type)
    return Status.ok
  }
  return {
    proxy_continue_stream: goOn,
    proxy_continue_request: () => goOn(StreamType.request),
    proxy_continue_response: () => goOn(StreamType.response),
    proxy_close_stream(type: number) {
      if (type < 0 || type > lastStream) return Status.badArgument
      contextOf(vm).closeStream(type)
      return Status.ok
    },
    proxy_send_local_response(status: number, detailsAt: number, detailsLength: number, bodyAt: number, bodyLength: number, fieldsAt: number, fieldsLength: number, grpcStatus: number) {
      const details = takeText(vm, detailsAt, detailsLength)
      const body = takeBytes(vm, bodyAt, bodyLength)
      const headers = decodePairs(takeBytes(vm, fieldsAt, fieldsLength))
      const grpc = grpcStatus >= 0 && grpcStatus <= 16 ? grpcStatus : undefined
      contextOf(vm).sendLocalResponse({ status: status >>> 0, details, body, headers, grpcStatus: grpc })
      return Status.ok
    },
    proxy_clear_route_cache() {
      contextOf(vm).clearRouteCache()
      return Status.ok
    },
    proxy_set_effective_context(id: number) {
      const context = id === 0 ? vm.current?.root : vm.contexts.get(id >>> 0)
      if (context === undefined) return Status.badArgument
      vm.effective = context
      return Status.ok
    },
    proxy_done() {
      return contextOf(vm).done() ? Status.ok : Status.notFound
    },
    proxy_set_tick_period_milliseconds(ms: number) {
      contextOf(vm).root.setTick(ms >>> 0)
      return Status.ok
    },
  }
}
