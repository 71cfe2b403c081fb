// What runs the bytes of a whole mesh: this thread, or a supervisor with threads of its own.
import type { Bound } from '../scope.ts'
import type { MeshSpec } from '../spec.ts'

/** What one thread, or all of them, know of an endpoint now. Plain data. */
export interface EndpointState {
  readonly id: string
  readonly address: string
  /** What discovery says; a slow start may use less of it. */
  readonly weight: number
  readonly priority: number
  readonly zone: string | null
  readonly fit: boolean
  readonly healthy: boolean
  /** Whether an outlier detector keeps it out for a while. */
  readonly resting: boolean
  /** Whether, after a rest, it gets one attempt at a time until one has gone well. */
  readonly probation: boolean
  /** Why it is unhealthy or resting. */
  readonly reason: string | null
  readonly inFlight: number
  readonly attempts: number
  readonly failures: number
  /** Of the last attempt, 0 before the first; with several threads the greatest. */
  readonly lastLatencyMs: number
}

/** Endpoints by service. */
export type ServiceStates = Readonly<Record<string, readonly EndpointState[]>>

/** What is known of the services, and how many of the threads have said so. */
export interface ServiceReport {
  readonly services: ServiceStates
  readonly answered: number
  readonly asked: number
}

/** One data-plane thread as the supervisor sees it. */
export interface WorkerState {
  /** 1, 2, …; stays the same when the thread is replaced. */
  readonly worker: number
  /** Node's number of the thread; 0 is the main thread. */
  readonly threadId: number
  readonly state: 'starting' | 'running' | 'waiting' | 'draining' | 'ended'
  /** How often it has been replaced. */
  readonly restarts: number
  /** Why it was replaced last. */
  readonly lastRestartReason: string | null
  /** Since its last sign of life; 0 for the main thread itself. */
  readonly heartbeatAgeMs: number
  readonly connections: number
  readonly inFlight: number
  /** Of the configuration it runs, as counted by {@link Plane.revision}. */
  readonly revision: number
  /** Why it did not take over the last configuration. */
  readonly error: string | null
}

/** Where the listeners are. */
export interface Plane {
  readonly listeners: readonly Bound[]
  /** 1 for the first configuration, one more for each that was taken over. */
  readonly revision: number
  /** Exchanges under way. */
  readonly inFlight: number
  /** Takes a configuration over, listeners included. @throws a MeshError; the old one stays in force then */
  apply(spec: MeshSpec): Promise<void>
  services(): Promise<ServiceReport>
  workers(): WorkerState[]
  /** No new connections; resolves when all exchanges have ended or, after the grace, were cut. A later, shorter grace counts. */
  drain(graceMs: number): Promise<void>
  close(graceMs: number): Promise<void>
}
