// How much time is left: taken over from the caller, handed on to the endpoint, for each attempt anew.
import { compileTrust, MeshError, type Exchange, type Filter, type Headers, type Reply } from '@meshwright/core'
import { fromGrpcTimeout, toGrpcTimeout } from './grpc-timeout.ts'

export interface DeadlineOptions {
  /**
   * Request headers in which callers say how many milliseconds they wait, 1 to 8; the shortest time counts. The first one is
   * written for every endpoint, the others where the caller has sent them. gRPC calls have `grpc-timeout` besides.
   * Default: x-request-timeout-ms, x-envoy-expected-rq-timeout-ms, x-envoy-upstream-rq-timeout-ms.
   */
  readonly headers?: readonly string[]
  /** A caller who says more gets this. Milliseconds, 1..86400000; default: as much as it says. */
  readonly maxMs?: number
  /** How much earlier than the caller the endpoint should give up, so that its answer still arrives. Milliseconds, 0..60000; default 0. */
  readonly marginMs?: number
  /** Whose word counts: addresses or CIDR ranges of the peers that connect. The headers of others are removed. Default: everybody's. */
  readonly trustedPeers?: readonly string[]
}

const defaultHeaders = ['x-request-timeout-ms', 'x-envoy-expected-rq-timeout-ms', 'x-envoy-upstream-rq-timeout-ms'] as const

/**
 * A caller can only give less time than there would be without it: the service's `requestMs` counts as before.
 * An exchange without time left is answered with MESH_DEADLINE_EXCEEDED, and no attempt is made.
 * @throws RangeError or TypeError when an option is out of range, MESH_BAD_OPTIONS for a peer that is no address
 */
export function deadline(options: DeadlineOptions = {}): Filter {
  return new Deadline(options)
}

class Deadline implements Filter {
  readonly name = 'deadline'
  readonly #headers: readonly string[]
  readonly #written: string
  readonly #maxMs: number
  readonly #marginMs: number
  readonly #trusts: ((address: string) => boolean) | undefined

  constructor({ headers = defaultHeaders, maxMs = Infinity, marginMs = 0, trustedPeers }: DeadlineOptions) {
    this.#headers = toNames(headers)
    this.#written = this.#headers[0] as string
    if (maxMs !== Infinity && !(maxMs >= 1 && maxMs <= 86_400_000)) throw new RangeError(`maxMs is from 1 to 86400000, not ${maxMs}`)
    if (!(marginMs >= 0 && marginMs <= 60_000)) throw new RangeError(`marginMs is from 0 to 60000, not ${marginMs}`)
    this.#maxMs = maxMs
    this.#marginMs = marginMs
    const trust = trustedPeers === undefined ? undefined : compileTrust(trustedPeers)
    this.#trusts = trust === undefined ? undefined : (address) => trust.trusts(address)
  }

  onRequestHeaders(exchange: Exchange): Reply | void {
    const { request } = exchange
    if (this.#trusts !== undefined && !this.#trusts(request.peerAddress)) return this.#forget(request.headers)
    const saidMs = this.#said(request.headers)
    if (saidMs === Infinity) return
    exchange.deadlineMs = Math.min(exchange.deadlineMs, exchange.startedMs + Math.min(saidMs, this.#maxMs))
    if (exchange.deadlineMs <= performance.now()) throw new MeshError('MESH_DEADLINE_EXCEEDED', 'there was no time left when the request came')
  }

  onAttempt(exchange: Exchange): Reply | void {
    if (exchange.deadlineMs === Infinity) return
    const leftMs = Math.floor(exchange.deadlineMs - performance.now() - this.#marginMs)
    if (leftMs < 1) throw new MeshError('MESH_DEADLINE_EXCEEDED', `there was no time left for attempt ${exchange.attempt}`)
    this.#write(exchange.request.headers, leftMs)
  }

  /** Infinity if nothing is said. */
  #said(headers: Headers): number {
    let leastMs = Infinity
    for (const name of this.#headers) leastMs = Math.min(leastMs, fromMs(headers.get(name)))
    if (!isGrpc(headers)) return leastMs
    return Math.min(leastMs, fromGrpcTimeout(headers.get('grpc-timeout') ?? '') ?? Infinity)
  }

  #write(headers: Headers, leftMs: number): void {
    const text = String(leftMs)
    headers.set(this.#written, text)
    for (const name of this.#headers) if (name !== this.#written && headers.has(name)) headers.set(name, text)
    if (isGrpc(headers)) headers.set('grpc-timeout', toGrpcTimeout(leftMs))
  }

  #forget(headers: Headers): void {
    for (const name of this.#headers) headers.delete(name)
    headers.delete('grpc-timeout')
  }
}

/** What is no whole number from 1 on says nothing; to Envoy 0 means without a limit. */
function fromMs(text: string | undefined): number {
  return text !== undefined && /^0*[1-9]\d{0,14}$/.test(text) ? Number(text) : Infinity
}

function isGrpc(headers: Headers): boolean {
  return headers.get('content-type')?.startsWith('application/grpc') === true
}

function toNames(headers: readonly string[]): readonly string[] {
  if (headers.length < 1 || headers.length > 8) throw new RangeError(`headers has 1 to 8 names, not ${headers.length}`)
  for (const name of headers) if (!/^[!#$%&'*+\-.^_`|~0-9a-z]{1,200}$/i.test(name)) throw new TypeError(`headers has "${name}", which is not the name of a header field`)
  return headers.map((name) => name.toLowerCase())
}
