// An endpoint: what discovery knows of one instance, and what is happening to it now.
import { MeshError } from './errors.ts'
import type { Exchange } from './exchange.ts'

/** What discovery publishes of one instance. Plain data: it crosses threads. */
export interface EndpointSpec {
  /** Stable name of the instance inside its service. Default `host:port`. */
  readonly id?: string
  /** A name or an address; IPv6 without brackets. */
  readonly host: string
  /** 1..65535. */
  readonly port: number
  /** Share of the traffic relative to the others. 1..1000000; default 1. */
  readonly weight?: number
  /** Its turn: while those of a lower number are well, a higher one gets no traffic. 0..127; default 0. */
  readonly priority?: number
  /** Where it runs, for balancers that care. */
  readonly zone?: string
  /** Free text for balancers and filters. */
  readonly metadata?: Readonly<Record<string, string>>
}

const maxWeight = 1_000_000
const maxPriority = 127

/**
 * Answers a spec that is valid as it is.
 * @throws MESH_BAD_OPTIONS for one that nobody could reach or weigh
 */
export function checkEndpoint(spec: EndpointSpec): EndpointSpec {
  if (typeof spec !== 'object' || spec === null) throw new MeshError('MESH_BAD_OPTIONS', 'an endpoint is no object')
  const { id, host, port, weight = 1, priority = 0 } = spec
  if (typeof host !== 'string' || host === '') throw new MeshError('MESH_BAD_OPTIONS', 'an endpoint has no host')
  const name = typeof id === 'string' ? `endpoint "${id}"` : `endpoint "${host}"`
  if (id !== undefined && typeof id !== 'string') throw new MeshError('MESH_BAD_OPTIONS', `${name} has an id that is no text`)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new MeshError('MESH_BAD_OPTIONS', `${name} has no port from 1 to 65535`)
  if (!Number.isInteger(weight) || weight < 1 || weight > maxWeight) throw new MeshError('MESH_BAD_OPTIONS', `${name} has no weight from 1 to ${maxWeight}`)
  if (!Number.isInteger(priority) || priority < 0 || priority > maxPriority) throw new MeshError('MESH_BAD_OPTIONS', `${name} has no priority from 0 to ${maxPriority}`)
  return spec
}

/** One instance, alive: its state survives as long as discovery keeps publishing the same id, host and port. */
export class Endpoint {
  readonly id: string
  readonly host: string
  readonly port: number
  /** `host:port`, with brackets around IPv6. */
  readonly address: string
  /** Its share relative to the others now: what discovery says, or less while it starts slowly. More than 0, not always whole. What balancers read. */
  weight: number
  /** What discovery says. */
  fullWeight: number
  priority: number
  zone: string | undefined
  metadata: Readonly<Record<string, string>>

  /** Attempts under way. The core counts; balancers read. */
  inFlight = 0
  /** Attempts ever made. */
  attempts = 0
  /** Attempts that ended with an error or a status of 500 and more. */
  failures = 0
  /** Milliseconds from sending to the response head of the last attempt; 0 before the first. */
  lastLatencyMs = 0
  /** Whether health checks let it receive traffic. */
  healthy = true
  /** Kept out until then, in milliseconds of the monotonic clock; 0 when it is not resting. */
  restingUntilMs = 0
  /** Rests it was told to take so far, by whichever thread; one that prolongs another is none of its own. */
  rests = 0
  /** After a rest, until one attempt has gone well: the core lets one attempt at a time through to it. */
  probation = false
  /** The exchange whose attempt is the probe, while that is under way. */
  probe: Exchange | undefined = undefined
  /** When it last became fit after it was not, in milliseconds of the monotonic clock; 0: it always was. */
  fitSinceMs = 0
  /** The reason it is unhealthy or resting, for people. */
  reason: string | undefined = undefined
  /** Whether discovery has dropped it; its last exchanges may still be ending. */
  removed = false

  constructor(spec: EndpointSpec) {
    this.host = spec.host
    this.port = spec.port
    this.address = `${spec.host.includes(':') ? `[${spec.host}]` : spec.host}:${spec.port}`
    this.id = spec.id ?? this.address
    this.weight = this.fullWeight = spec.weight ?? 1
    this.priority = spec.priority ?? 0
    this.zone = spec.zone
    this.metadata = spec.metadata ?? {}
  }

  /** May it receive traffic now? */
  get fit(): boolean {
    return this.healthy && this.restingUntilMs === 0 && this.probe === undefined
  }

  /** Takes over what discovery says anew about the same instance. */
  update(spec: EndpointSpec): void {
    this.weight = this.fullWeight = spec.weight ?? 1
    this.priority = spec.priority ?? 0
    this.zone = spec.zone
    this.metadata = spec.metadata ?? {}
  }
}
