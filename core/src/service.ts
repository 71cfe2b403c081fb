// A service: a named set of interchangeable endpoints plus the policies for reaching them.
import { Endpoint } from './endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { MeshError, toMeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { defaultPanicPercent, Levels, type Level } from './levels.ts'
import type { Admission, Balancer, OutlierDetector, RetryPolicy, Transport } from './questions.ts'
import { withRoom } from './room-to-retry.ts'
import { checkSlowStart } from './slow-start.ts'
import type { ServiceSpec, ServiceTimeouts } from './spec.ts'
import type { TransportTls } from './transport/options.ts'

/** The defaults of {@link ServiceTimeouts}. */
export const defaultServiceTimeouts: Required<ServiceTimeouts> = {
  requestMs: 0,
  connectMs: 5_000,
  responseHeadersMs: 15_000,
  responseIdleMs: 60_000,
  keepAliveMs: 30_000,
  pendingMs: 5_000,
}

/** The answers a service lives by, resolved from its spec. */
export interface ServiceAnswers {
  /** Makes the balancer of one priority; a balancer given by value is the same for all of them. */
  readonly balancer: () => Balancer
  readonly transport: Transport
  readonly admissions: readonly Admission[]
  readonly outlier: OutlierDetector | undefined
  readonly retry: RetryPolicy | undefined
  /** How TLS is spoken to the endpoints; undefined: it is not. */
  readonly tls?: TransportTls | undefined
}

/** How an attempt is to be remembered. */
export interface AttemptOutcome {
  /** Did the endpoint see any of it? Only then does it say something about the endpoint. */
  readonly sent: boolean
}

/** Compiled from a {@link ServiceSpec}. The endpoints behind it are live and outlast it. */
export class Service {
  readonly name: string
  readonly spec: ServiceSpec
  readonly endpoints: EndpointSet
  readonly timeouts: Required<ServiceTimeouts>
  readonly transport: Transport
  readonly retry: RetryPolicy | undefined
  readonly tls: TransportTls | undefined
  /** Attempts under way. The core counts; plugins read. */
  active = 0
  /** Further attempts under way, or waiting for their turn. */
  retrying = 0
  readonly #makeBalancer: () => Balancer
  readonly #balancers = new Map<number, Balancer>()
  /** Does any of them want to hear of attempts that ended? */
  #balancersLearn = false
  readonly #admissions: readonly Admission[] | undefined
  readonly #outlier: OutlierDetector | undefined
  #levels: Levels | undefined = undefined
  #failed: (error: MeshError) => void = () => {}

  /** @throws MESH_BAD_OPTIONS */
  constructor(name: string, spec: ServiceSpec, endpoints: EndpointSet, answers: ServiceAnswers) {
    const { panicPercent = defaultPanicPercent, slowStart } = spec
    if (!(panicPercent >= 0 && panicPercent <= 100)) throw new MeshError('MESH_BAD_OPTIONS', `service "${name}": panicPercent is not from 0 to 100`)
    if (slowStart !== undefined) checkSlowStart(slowStart, `service "${name}"`)
    this.name = name
    this.spec = spec
    this.endpoints = endpoints
    this.timeouts = { ...defaultServiceTimeouts, ...spec.timeout }
    this.transport = answers.transport
    const { retry, admissions } = answers
    this.retry = retry && withRoom(retry, admissions, (thrown) => this.#failed(toMeshError(thrown, 'MESH_PLUGIN_FAILED', `admission of service "${name}" in mayRetry`)))
    this.tls = answers.tls
    this.#makeBalancer = answers.balancer
    this.#admissions = admissions.length === 0 ? undefined : admissions
    this.#outlier = answers.outlier
  }

  /** Starts to follow the endpoints. `failed` hears of plugins that throw where no exchange can be told. */
  open(failed: (error: MeshError) => void): void {
    this.#failed = failed
    const { panicPercent = defaultPanicPercent, slowStart } = this.spec
    this.#levels = new Levels(this.endpoints, { panicPercent, slowStart }, (priority, endpoints) => this.#prepare(priority, endpoints))
  }

  /** Which one? For a further attempt another one than before, if there is one. */
  pick(exchange: Exchange): Endpoint | MeshError {
    const level = this.#levels?.draw(Math.random)
    if (level === undefined || level.endpoints.length === 0) {
      return new MeshError('MESH_NO_ENDPOINT', `service "${this.name}" has ${this.endpoints.all.length} endpoints, none of them fit`)
    }
    const picked = this.#pickFrom(level, exchange)
    return exchange.tried.length === 0 || picked instanceof MeshError ? picked : this.#untried(picked, level, exchange)
  }

  /** Is there room? On undefined the attempt is counted until {@link attemptEnded}. */
  admit(exchange: Exchange): MeshError | undefined {
    const refused = this.#admissions === undefined ? undefined : this.#ask(this.#admissions, exchange)
    if (refused !== undefined) return refused
    const endpoint = exchange.endpoint as Endpoint
    endpoint.inFlight++
    endpoint.attempts++
    this.active++
    if (endpoint.probation && endpoint.probe === undefined) this.endpoints.probe(endpoint, exchange)
    return undefined
  }

  /** Uncounts an attempt that was admitted; once per attempt. Answers the error of a plugin that failed meanwhile. */
  attemptEnded(exchange: Exchange, outcome: AttemptOutcome): MeshError | undefined {
    const endpoint = exchange.endpoint as Endpoint
    endpoint.inFlight--
    this.active--
    const isBad = isFailure(exchange)
    if (isBad) endpoint.failures++
    const failed = this.#admissions === undefined ? undefined : this.#giveBack(this.#admissions, exchange)
    const says = isVerdictOnEndpoint(exchange, outcome)
    const unlearnt = this.#balancersLearn && says ? this.#teach(endpoint, exchange) : undefined
    const broken = this.#outlier === undefined || !says ? undefined : this.#judge(this.#outlier, endpoint, exchange)
    // Not if it was sent to rest once more; and what began before the rest says nothing about the time after it.
    if (endpoint.probe === exchange) this.endpoints.probed(endpoint, says && !isBad)
    return broken ?? unlearnt ?? failed
  }

  /** Stops following the endpoints; exchanges under way end as they are. */
  close(): void {
    this.#levels?.close()
  }

  #prepare(priority: number, endpoints: readonly Endpoint[]): Balancer {
    const balancer = this.#balancers.get(priority) ?? this.#makeBalancer()
    this.#balancers.set(priority, balancer)
    this.#balancersLearn ||= balancer.ended !== undefined
    this.#tell('balancer', 'update', () => balancer.update?.(endpoints))
    this.#tell('transport', 'prepare', () => this.transport.prepare?.(endpoints))
    return balancer
  }

  #tell(who: string, what: string, tell: () => void): void {
    try {
      tell()
    } catch (thrown) {
      this.#failed(toMeshError(thrown, 'MESH_PLUGIN_FAILED', `${who} of service "${this.name}" in ${what}`))
    }
  }

  #pickFrom({ balancer, endpoints }: Level, exchange: Exchange): Endpoint | MeshError {
    try {
      const endpoint: unknown = balancer.pick(endpoints, exchange)
      return endpoint instanceof Endpoint ? endpoint : new MeshError('MESH_PLUGIN_FAILED', `balancer of service "${this.name}" picked no endpoint`)
    } catch (thrown) {
      return toMeshError(thrown, 'MESH_PLUGIN_FAILED', `balancer of service "${this.name}"`)
    }
  }

  /** A balancer may insist, as one that hashes does: then it is any of those that this exchange has not tried. */
  #untried(picked: Endpoint, level: Level, exchange: Exchange): Endpoint | MeshError {
    const { tried } = exchange
    if (!tried.includes(picked)) return picked
    const others = level.endpoints.filter((endpoint) => !tried.includes(endpoint))
    if (others.length === 0) return picked
    const again = this.#pickFrom(level, exchange)
    if (again instanceof MeshError || others.includes(again)) return again
    return others[Math.floor(Math.random() * others.length)] as Endpoint
  }

  #teach(endpoint: Endpoint, exchange: Exchange): MeshError | undefined {
    try {
      this.#balancers.get(endpoint.priority)?.ended?.(endpoint, exchange)
      return undefined
    } catch (thrown) {
      return toMeshError(thrown, 'MESH_PLUGIN_FAILED', `balancer of service "${this.name}" in ended`)
    }
  }

  #judge(outlier: OutlierDetector, endpoint: Endpoint, exchange: Exchange): MeshError | undefined {
    try {
      const restMs = outlier.ended(endpoint, exchange, this.endpoints.all)
      if (restMs !== undefined) this.endpoints.rest(endpoint, restMs, 'outlier')
      return undefined
    } catch (thrown) {
      return toMeshError(thrown, 'MESH_PLUGIN_FAILED', `outlier detector of service "${this.name}"`)
    }
  }

  #ask(admissions: readonly Admission[], exchange: Exchange): MeshError | undefined {
    for (let i = 0; i < admissions.length; i++) {
      const refused = guarded(admissions[i] as Admission, exchange, this.name)
      if (refused === undefined) continue
      // Those that had admitted it must hear that it is over.
      const failed = this.#giveBack(admissions.slice(0, i), exchange)
      if (failed !== undefined) this.#failed(failed)
      return refused
    }
    return undefined
  }

  /** Every one of them hears of the end; answers the error of the last that failed. */
  #giveBack(admissions: readonly Admission[], exchange: Exchange): MeshError | undefined {
    let failed: MeshError | undefined
    for (const admission of admissions) {
      try {
        admission.ended(exchange)
      } catch (thrown) {
        failed = toMeshError(thrown, 'MESH_PLUGIN_FAILED', `admission of service "${this.name}" in ended`)
      }
    }
    return failed
  }
}

function guarded(admission: Admission, exchange: Exchange, service: string): MeshError | undefined {
  try {
    const refused: unknown = admission.admit(exchange)
    if (refused === undefined || refused === null || refused instanceof MeshError) return refused ?? undefined
    return new MeshError('MESH_PLUGIN_FAILED', `admission of service "${service}" answered neither nothing nor an error`)
  } catch (thrown) {
    return toMeshError(thrown, 'MESH_PLUGIN_FAILED', `admission of service "${service}"`)
  }
}

function isFailure(exchange: Exchange): boolean {
  if (exchange.error !== undefined) return exchange.error.source === 'upstream'
  return exchange.response !== undefined && !exchange.replied && exchange.response.status >= 500
}

/** A reply made here, or a client that went away, says nothing about the endpoint. */
function isVerdictOnEndpoint(exchange: Exchange, outcome: AttemptOutcome): boolean {
  if (exchange.error !== undefined) return exchange.error.source === 'upstream'
  return outcome.sent && !exchange.replied && exchange.response !== undefined
}

/** The core's own balancer, for services that name none: each endpoint in turn, weights ignored. */
export function inTurn(): Balancer {
  let next = 0
  return {
    pick(endpoints) {
      next = (next + 1) % endpoints.length
      return endpoints[next] as Endpoint
    },
  }
}
