// Which failures are tried again: the names of Envoy's conditions, and what each of them means here.
import type { Exchange, MeshError, Response, TextMatch } from '@meshwright/core'
import { toFieldTests, type FieldTest } from './field-test.ts'

/**
 * Names of Envoy's conditions. "No response" means an upstream fault before a response head was there.
 *
 * - `connect-failure`: there was no connection, with TLS no handshake that went well, or not in time.
 * - `reset-before-request`: no response, and no byte of the request had been sent.
 * - `refused-stream`: the endpoint refused the stream unprocessed; HTTP/2 only.
 * - `reset`: no response.
 * - `gateway-error`: 502, 503, 504, or no response.
 * - `5xx`: 500 and more, or no response.
 * - `retriable-4xx`: 409.
 * - `envoy-ratelimited`: there is a field `x-envoy-ratelimited`.
 * - `retriable-status-codes`, `retriable-headers`: what the options `statusCodes` and `headers` say.
 * - `cancelled`, `deadline-exceeded`, `internal`, `resource-exhausted`, `unavailable`: that `grpc-status` stands in the
 *   header fields; one in trailers comes too late.
 */
export const conditionNames = [
  'connect-failure',
  'reset-before-request',
  'refused-stream',
  'reset',
  'gateway-error',
  '5xx',
  'retriable-4xx',
  'envoy-ratelimited',
  'retriable-status-codes',
  'retriable-headers',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
] as const

export type ConditionName = (typeof conditionNames)[number]

/** What the conditions are made of. */
export interface ConditionOptions {
  /** Any of them is enough. Default: those that say that no endpoint has worked on the request. */
  readonly on?: readonly ConditionName[]
  /** Statuses that are tried again, 200..599; says `retriable-status-codes` by itself. */
  readonly statusCodes?: readonly number[]
  /** Response fields that make it be tried again, one of them is enough; says `retriable-headers` by itself. */
  readonly headers?: Readonly<Record<string, TextMatch>>
}

/** Nothing of the request has been worked on, so that another endpoint does it for the first time. */
export const defaultConditions: readonly ConditionName[] = ['connect-failure', 'reset-before-request', 'refused-stream']

/** By `grpc-status`. */
const grpcConditions: ReadonlyMap<string | undefined, ConditionName> = new Map([
  ['1', 'cancelled'],
  ['4', 'deadline-exceeded'],
  ['8', 'resource-exhausted'],
  ['13', 'internal'],
  ['14', 'unavailable'],
])

/** The conditions of one policy. */
export class Conditions {
  /** Those that can hold. */
  readonly names: ReadonlySet<ConditionName>
  /** They look at responses that nobody else would take for a failure. */
  readonly everyResponse: boolean
  readonly #statusCodes: ReadonlySet<number>
  readonly #fields: readonly FieldTest[]

  /** @throws RangeError, TypeError */
  constructor({ on = defaultConditions, statusCodes = [], headers = {} }: ConditionOptions) {
    for (const name of on) if (!conditionNames.includes(name)) throw new TypeError(`on has "${name}", which is none of ${conditionNames.join(', ')}`)
    for (const code of statusCodes) if (!Number.isInteger(code) || code < 200 || code > 599) throw new RangeError(`statusCodes are whole numbers from 200 to 599, not ${code}`)
    this.#statusCodes = new Set(statusCodes)
    this.#fields = toFieldTests(headers)
    const names = new Set(on)
    addIf(names, 'retriable-status-codes', this.#statusCodes.size > 0, 'statusCodes')
    addIf(names, 'retriable-headers', this.#fields.length > 0, 'headers')
    this.names = names
    this.everyResponse = this.#fields.length > 0 || statusCodes.some((code) => code < 400)
  }

  /** The first condition that holds, or undefined. */
  reason(exchange: Exchange): ConditionName | undefined {
    if (exchange.error !== undefined) return this.#reasonOfError(exchange.error, exchange.sent)
    return exchange.response === undefined ? undefined : this.#reasonOfResponse(exchange.response)
  }

  #reasonOfError(error: MeshError, sent: boolean): ConditionName | undefined {
    // Room, time and filters of this mesh do not grow by asking once more.
    if (error.source !== 'upstream') return undefined
    if (this.names.has('connect-failure') && isConnectFailure(error, sent)) return 'connect-failure'
    if (!sent && this.names.has('reset-before-request')) return 'reset-before-request'
    return this.#firstOf('reset', 'gateway-error', '5xx')
  }

  #reasonOfResponse({ status, headers }: Response): ConditionName | undefined {
    // It comes from an Envoy that has had enough of us: only who asks for it may go on.
    if (headers.has('x-envoy-ratelimited')) return this.#firstOf('envoy-ratelimited')
    if (status >= 502 && status <= 504 && this.names.has('gateway-error')) return 'gateway-error'
    if (status >= 500 && this.names.has('5xx')) return '5xx'
    if (status === 409 && this.names.has('retriable-4xx')) return 'retriable-4xx'
    if (this.#statusCodes.has(status)) return 'retriable-status-codes'
    for (const { name, test } of this.#fields) if (test(headers.get(name))) return 'retriable-headers'
    const grpc = grpcConditions.get(headers.get('grpc-status'))
    return grpc === undefined ? undefined : this.#firstOf(grpc)
  }

  #firstOf(...names: readonly ConditionName[]): ConditionName | undefined {
    return names.find((name) => this.names.has(name))
  }
}

/** An option says its condition by itself; a condition that has nothing to look for is a mistake. */
function addIf(names: Set<ConditionName>, name: ConditionName, given: boolean, option: string): void {
  if (given) names.add(name)
  else if (names.has(name)) throw new TypeError(`on has "${name}", but ${option} is empty`)
}

/** An endpoint may also end TLS when the request is on its way already, because it misses a certificate. */
function isConnectFailure({ code }: MeshError, sent: boolean): boolean {
  return code === 'MESH_CONNECT_FAILED' || code === 'MESH_CONNECT_TIMEOUT' || (code === 'MESH_UPSTREAM_TLS' && !sent)
}
