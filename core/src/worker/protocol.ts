// What the supervisor and its threads say to each other. Plain data only.
import type { EndpointSpec } from '../endpoint.ts'
import { errorKinds, MeshError, type ErrorCode } from '../errors.ts'
import type { IdentityOwner } from '../identity/identities.ts'
import type { MetricDescriptor } from '../metrics.ts'
import type { TlsMaterial } from '../questions.ts'
import type { Bound } from '../scope.ts'
import type { MeshSpec } from '../spec.ts'
import type { ServiceStates } from './plane.ts'
import type { FoundPlugin } from './plugin-modules.ts'

/** What a thread is started with. */
export interface WorkerStart {
  /** 1, 2, … */
  readonly worker: number
  readonly pseudonym: string
  readonly plugins: readonly FoundPlugin[]
  /** Where it gives its signs of life; see {@link pulseSlots}. */
  readonly pulse: SharedArrayBuffer
  readonly heartbeatMs: number
  /** How long exchanges may take to end after an uncaught exception. Milliseconds. */
  readonly failingGraceMs: number
  /** Whether debug lines are worth sending. */
  readonly debug: boolean
}

/** An endpoint is kept out of the traffic for a while. */
export interface RestMessage {
  readonly kind: 'rest'
  readonly service: string
  readonly id: string
  readonly ms: number
  readonly reason: string
}

/** What a thread is told. Endpoints, health, rests and identities come before the revision that needs them. */
export type ToWorker =
  | { readonly kind: 'endpoints'; readonly service: string; readonly endpoints: readonly EndpointSpec[] }
  | { readonly kind: 'health'; readonly service: string; readonly id: string; readonly healthy: boolean; readonly reason: string | undefined }
  | RestMessage
  | { readonly kind: 'identity'; readonly owner: IdentityOwner; readonly material: TlsMaterial }
  /** This owner has no identity any more, in the configuration that all threads have taken over. */
  | { readonly kind: 'no-identity'; readonly owner: IdentityOwner }
  /** Memory that the threads share, or that they are to forget. It comes before the configuration that needs it. */
  | { readonly kind: 'shared'; readonly key: string; readonly buffer: SharedArrayBuffer | undefined }
  | { readonly kind: 'call'; readonly id: number; readonly call: Call }

/** What a thread is asked to do and answers when it is done. */
export type Call =
  | { readonly kind: 'apply'; readonly revision: number; readonly spec: MeshSpec }
  | { readonly kind: 'services' }
  | { readonly kind: 'drain'; readonly graceMs: number }
  | { readonly kind: 'close'; readonly graceMs: number }

/** What comes back for each call. */
export interface Answers {
  apply: readonly Bound[]
  services: ServiceStates
  drain: undefined
  close: undefined
}

/** What a thread says. */
export type FromWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: PlainError }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly details: object; readonly text: string }
  | { readonly kind: 'metrics'; readonly descriptors: readonly MetricDescriptor[] }
  | RestMessage
  /** The first attempt of a service that has a health check was made. */
  | { readonly kind: 'traffic'; readonly service: string }
  /** An exception was not caught: it takes no more connections and ends soon. */
  | { readonly kind: 'failing'; readonly error: PlainError }

/** The places of a thread's Int32Array. `beats` goes up with each turn of its heartbeat timer. */
export const pulseSlots = { beats: 0, inFlight: 1, connections: 2, revision: 3 } as const

/** An error that crosses threads. */
export interface PlainError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
}

export function toPlainError(thrown: unknown): PlainError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const { code } = error as Error & { code?: unknown }
  return { name: error.name, message: error.message, stack: error.stack, code: typeof code === 'string' ? code : undefined }
}

/** The error again; one of the table's codes becomes a MeshError. */
export function fromPlainError({ name, message, stack, code }: PlainError): Error {
  if (code !== undefined && code in errorKinds) {
    const kind = code as ErrorCode
    const prefix = `${errorKinds[kind].title}: `
    const error = new MeshError(kind, message.startsWith(prefix) ? message.slice(prefix.length) : undefined)
    if (stack !== undefined) error.stack = stack
    return error
  }
  return Object.assign(new Error(message), { name, stack, code })
}
