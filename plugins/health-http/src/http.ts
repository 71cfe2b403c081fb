// A health check by a request: the status decides.
import { Agent, validateHeaderName, validateHeaderValue, type IncomingMessage } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { Unfit, type Endpoint, type HealthCheck, type HealthSchedule } from '@meshwright/core'
import { probe } from './probe.ts'
import { statusSet } from './statuses.ts'

export interface HttpHealthTls {
  /** Name to ask for and to verify. Default: the host that is asked for. */
  readonly serverName?: string
  /** Roots to verify with, in PEM. Default: those of the system. */
  readonly ca?: string
  /** Whether the certificate is verified. Default true. */
  readonly verify?: boolean
}

/** When and how often: see {@link HealthSchedule}. */
export interface HttpHealthOptions extends HealthSchedule {
  /** Path and query to ask for; starts with `/`. Default `/`. */
  readonly path?: string
  /** Default GET. */
  readonly method?: 'GET' | 'HEAD' | 'OPTIONS' | 'POST'
  /** The Host to ask for. Default: host and port of the endpoint. */
  readonly host?: string
  /** Further header fields; not those that frame a message. */
  readonly headers?: Readonly<Record<string, string>>
  /** Statuses of a fit endpoint: numbers, and ranges as in `200-299`; 200..599. Default `[200]`. Redirects are not followed. */
  readonly statuses?: readonly (number | string)[]
  /** Other statuses that count towards `unhealthyThreshold` instead of being believed at once. Default none. */
  readonly retriableStatuses?: readonly (number | string)[]
  /** Port to ask on, 1..65535. Default: that of the endpoint. */
  readonly port?: number
  /** Whether the connection is kept for the next check. Default true. */
  readonly reuseConnection?: boolean
  /** Whether to ask over TLS, and how. Default false. */
  readonly tls?: boolean | HttpHealthTls
}

/** An endpoint says with it that it is not fit, whatever the status. */
const failHeader = 'x-envoy-immediate-health-check-fail'
const reserved: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'upgrade', 'expect', 'te', 'trailer', 'keep-alive'])

/**
 * Asks for a path. An expected status is a yes; a retriable one, a time-out and a broken connection may be chance and
 * count towards the threshold; every other answer is an `Unfit`. Of a body no more than 1024 bytes are read.
 * @throws RangeError, TypeError when an option is not valid
 */
export function http(options: HttpHealthOptions = {}): HealthCheck {
  const { path = '/', method = 'GET', host, headers = {}, statuses = [200], retriableStatuses = [], port, reuseConnection = true, tls = false, ...schedule } = options
  if (!/^\/[!-~]*$/.test(path)) throw new RangeError('path starts with / and has neither spaces nor control characters')
  if (host !== undefined) validateHeaderValue('host', host)
  checkHeaders(headers)
  const judge = judgeBy(statusSet(statuses), statusSet(retriableStatuses))
  const agents = new Map<Endpoint, Agent>()
  return {
    ...schedule,
    async check(endpoint, signal) {
      const agent = agents.get(endpoint) ?? newAgent(reuseConnection, tls)
      agents.set(endpoint, agent)
      const fields = { 'user-agent': 'meshwright-health', ...headers, ...(host === undefined ? {} : { host }) }
      await probe({ agent, isSecure: tls !== false, host: endpoint.host, port: port ?? endpoint.port, path, method, headers: fields }, judge, signal)
    },
    forget(endpoint) {
      agents.get(endpoint)?.destroy()
      agents.delete(endpoint)
    },
  }
}

function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    if (reserved.has(name.toLowerCase())) throw new RangeError(`headers: ${name} cannot be set`)
  }
}

/** Answers what is wrong with a response; undefined: nothing. */
function judgeBy(expected: ReadonlySet<number>, retriable: ReadonlySet<number>): (response: IncomingMessage) => Error | undefined {
  return ({ statusCode = 0, headers }) => {
    if (headers[failHeader] !== undefined) return new Unfit(`it says so itself (${failHeader})`)
    if (expected.has(statusCode)) return undefined
    return retriable.has(statusCode) ? new Error(`status ${statusCode}`) : new Unfit(`status ${statusCode}`)
  }
}

/** One connection per endpoint, and none that is shared with the traffic. */
function newAgent(keepAlive: boolean, tls: boolean | HttpHealthTls): Agent {
  if (tls === false) return new Agent({ keepAlive, maxSockets: 1 })
  const { serverName, ca, verify = true } = tls === true ? {} : tls
  return new SecureAgent({ keepAlive, maxSockets: 1, rejectUnauthorized: verify, ...(ca === undefined ? {} : { ca }), ...(serverName === undefined ? {} : { servername: serverName }) })
}
