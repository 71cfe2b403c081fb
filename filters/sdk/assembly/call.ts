// Calls to services of the mesh: what is asked, what is answered, and who waits for it.
import { proxy_http_call } from './abi'
import { Body } from './body'
import { BufferType, MapType } from './enums'
import { Headers } from './headers'
import { begin, put, putAt, slot } from './memory'
import { encodePairs } from './pairs'

/** What to ask a service. All of it may be left out. */
export class CallOptions {
  method: string = 'GET'
  path: string = '/'
  /** Empty: the service's name. */
  authority: string = ''
  /** Each a name and a value: `[["accept", "application/json"]]`. */
  headers: string[][] = []
  body: string = ''
  /** In place of `body`, for what is no text. */
  bytes: Uint8Array | null = null
  trailers: string[][] = []
  /** How long the answer may take. Milliseconds, 1..; 0: as long as the service's own timeouts let it. */
  timeoutMs: u32 = 5000
}

/** The answer of a service. Only to be read in `onCallResponse`. */
export class CallResponse {
  /** False: there was no answer; the service is unknown, cannot be reached or took too long. */
  ok: bool = false
  headers: Headers = new Headers(MapType.CallResponseHeaders)
  trailers: Headers = new Headers(MapType.CallResponseTrailers)
  body: Body = new Body(BufferType.CallResponseBody)

  /** 0 without an answer. */
  get status(): i32 {
    if (!this.ok) return 0
    const text = this.headers.get(':status')
    return text == null ? 0 : <i32>parseInt(text, 10)
  }
}

/** Who waits for an answer, and under which tag. */
export class Waiting {
  constructor(public context: u32, public tag: string) {}
}

/** By the host's token. */
export const waiting: Map<u32, Waiting> = new Map<u32, Waiting>()

const noBody: Uint8Array = new Uint8Array(0)

/** Sends it. @returns whether the host has taken it; an answer comes for what it has taken, and for nothing else */
export function dispatch(context: u32, service: string, tag: string, options: CallOptions): bool {
  const headers = encodePairs(headersOf(service, options))
  const trailers = encodePairs(options.trailers)
  const bytes = options.bytes
  const body = bytes != null ? bytes : options.body.length == 0 ? noBody : Uint8Array.wrap(String.UTF8.encode(options.body))
  begin()
  const length = put(service)
  const trailersLength: usize = options.trailers.length == 0 ? 0 : trailers.length
  const status = proxy_http_call(putAt, length, headers.dataStart, headers.length, body.dataStart, body.length, trailers.dataStart, trailersLength, options.timeoutMs, slot)
  if (status != 0) return false
  waiting.set(load<u32>(slot), new Waiting(context, tag))
  return true
}

function headersOf(service: string, options: CallOptions): string[][] {
  const authority = options.authority.length == 0 ? service : options.authority
  const fields: string[][] = [
    [':method', options.method],
    [':path', options.path],
    [':authority', authority],
  ]
  return fields.concat(options.headers)
}
