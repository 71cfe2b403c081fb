// Host functions that call services of the mesh: HTTP and gRPC.
import type { CallRequest } from '@meshwright/core'
import { Headers } from '@meshwright/core/thread'
import { decodePairs } from '../pairs.ts'
import type { RootContext } from '../root-context.ts'
import { Status } from '../status.ts'
import type { Vm } from '../vm.ts'
import { contextOf, giveText, takeBytes, takeText, type HostFunctions } from './host-function.ts'

/** What a timer can hold. Milliseconds. */
const longestMs = 0x7fff_ffff
/** Fuel for a call: whoever makes many of them pays for what they cost the host. */
const callFuel = 20_000

export function callFunctions(vm: Vm): HostFunctions {
  const told = (id: number, idAt: number): Status => {
    vm.memory.setU32(idAt >>> 0, id)
    return Status.ok
  }
  return {
    proxy_http_call(nameAt: number, nameLength: number, fieldsAt: number, fieldsLength: number, bodyAt: number, bodyLength: number, trailersAt: number, trailersLength: number, timeoutMs: number, idAt: number) {
      vm.burn(callFuel)
      const upstream = takeText(vm, nameAt, nameLength)
      const fields = decodePairs(takeBytes(vm, fieldsAt, fieldsLength))
      const body = takeBytes(vm, bodyAt, bodyLength)
      const trailers = decodePairs(takeBytes(vm, trailersAt, trailersLength))
      const context = contextOf(vm)
      const { root } = context
      const service = serviceOf(upstream, root)
      const request = toRequest(fields, body, trailers, timeoutMs)
      if (request === undefined || !root.mayCall(service)) return Status.badArgument
      const id = root.httpCall(service, request, context)
      return id === undefined ? Status.internalFailure : told(id, idAt)
    },
    proxy_grpc_call(upstreamAt: number, upstreamLength: number, serviceAt: number, serviceLength: number, methodAt: number, methodLength: number, metadataAt: number, metadataLength: number, messageAt: number, messageLength: number, timeoutMs: number, idAt: number) {
      vm.burn(callFuel)
      const message = takeBytes(vm, messageAt, messageLength)
      const path = `/${takeText(vm, serviceAt, serviceLength)}/${takeText(vm, methodAt, methodLength)}`
      const metadata = decodePairs(takeBytes(vm, metadataAt, metadataLength))
      const opened = contextOf(vm).root.grpc.open(clusterOf(takeText(vm, upstreamAt, upstreamLength)), path, metadata, Math.min(timeoutMs >>> 0, longestMs), message)
      return typeof opened === 'number' ? told(opened, idAt) : opened.refused
    },
    proxy_grpc_stream(upstreamAt: number, upstreamLength: number, serviceAt: number, serviceLength: number, methodAt: number, methodLength: number, metadataAt: number, metadataLength: number, idAt: number) {
      vm.burn(callFuel)
      const path = `/${takeText(vm, serviceAt, serviceLength)}/${takeText(vm, methodAt, methodLength)}`
      const metadata = decodePairs(takeBytes(vm, metadataAt, metadataLength))
      const opened = contextOf(vm).root.grpc.open(clusterOf(takeText(vm, upstreamAt, upstreamLength)), path, metadata, 0, undefined)
      return typeof opened === 'number' ? told(opened, idAt) : opened.refused
    },
    proxy_grpc_send(id: number, at: number, length: number, last: number) {
      return contextOf(vm).root.grpc.send(id >>> 0, takeBytes(vm, at, length), last !== 0)
    },
    proxy_grpc_cancel: (id: number) => contextOf(vm).root.grpc.cancel(id >>> 0),
    proxy_grpc_close: (id: number) => contextOf(vm).root.grpc.close(id >>> 0),
    proxy_get_status(codeAt: number, addressAt: number, lengthAt: number) {
      const { status } = contextOf(vm).root
      vm.memory.setU32(codeAt >>> 0, status.code)
      return giveText(vm, status.message, addressAt, lengthAt)
    },
  }
}

/** Istio's names of clusters, `outbound|port|subset|host`, mean the service that is called like the host; so do hosts with a port, where hosts are what is called. */
function serviceOf(upstream: string, { dialect, surroundings }: RootContext): string {
  if (upstream.startsWith('outbound|')) return upstream.split('|')[3] ?? upstream
  return dialect.upstreams === 'host' && !surroundings.hasService(upstream) ? upstream.replace(/:\d{1,5}$/, '') : upstream
}

/** Undefined for one without method, path or authority. */
function toRequest(fields: readonly string[], body: Buffer, trailers: readonly string[], timeoutMs: number): CallRequest | undefined {
  const pseudo = new Map<string, string>()
  const headers = new Headers()
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase()
    const value = fields[i + 1] as string
    if (name.startsWith(':')) pseudo.set(name, value)
    else if (name !== 'content-length' && name !== 'transfer-encoding' && name !== 'host') headers.append(name, value)
  }
  const method = pseudo.get(':method')
  const path = pseudo.get(':path')
  const authority = pseudo.get(':authority')
  if (method === undefined || path === undefined || authority === undefined || timeoutMs < 0) return undefined
  return {
    method,
    path,
    authority,
    headers,
    ...(body.byteLength > 0 || trailers.length > 0 ? { body } : {}),
    ...(trailers.length > 0 ? { trailers: new Headers([...trailers]) } : {}),
    ...(timeoutMs > 0 ? { timeoutMs } : {}),
  }
}

/**
 * The name of a service: as it is, or out of Envoy's serialized GrpcService, whose first field (envoy_grpc) has the
 * cluster's name as its first field.
 */
function clusterOf(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes[0] !== 0x0a || bytes[2] !== 0x0a || bytes[1] === undefined || bytes[1] > bytes.length - 2) return text
  const length = bytes[3] ?? 0
  return bytes.toString('utf8', 4, 4 + length)
}
