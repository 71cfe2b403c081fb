// What crosses between a data-plane thread and the thread that an isolated filter lives in.
import type { MessagePort } from 'node:worker_threads'
import type { CallRequest, ErrorCode } from '@meshwright/core'
import type { PluginSettings } from '../host/surroundings.ts'
import type { CommonMemory } from '../shared/commons.ts'
import type { OnFailure } from '../wasm.ts'

/** The phases of a filter that cross, by their name on the other side: those of an exchange, and those of a TCP connection. */
export type Phase = 'requestHeaders' | 'requestBody' | 'responseHeaders' | 'responseBody' | 'newConnection' | 'downstreamData' | 'upstreamData' | 'end'

/** The two ways of an exchange; of a connection, the client's bytes and the endpoint's. */
export type Side = 'request' | 'response'

const ofRequest: ReadonlySet<Phase> = new Set(['requestHeaders', 'requestBody', 'newConnection', 'downstreamData'])

export function sideOf(phase: Phase): Side {
  return ofRequest.has(phase) ? 'request' : 'response'
}

/** What a connection says of itself. */
export interface SentPlaces {
  /** Of its own, from 1. */
  readonly id: number
  readonly remotePort: number | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly servername: string | undefined
  readonly protocol: string | undefined
  /** What this side has shown, as DER. */
  readonly shown: Uint8Array | undefined
}

/** What the other end of a connection has shown. */
export type SentCertificate = Readonly<Record<'uris' | 'dnsNames', readonly string[]>> & { readonly subject: string; readonly fingerprint: string; readonly pem: string }

/** What stays as it is while an exchange lasts. Fields and heads are one text each: its parts, joined by NUL. */
export interface Opening {
  readonly version: string
  readonly scheme: 'http' | 'https'
  readonly peerAddress: string
  readonly clientAddress: string
  readonly id: string
  readonly upgrade: string | undefined
  readonly expectContinue: boolean
  readonly listener: string
  readonly hasBody: boolean
  readonly declaredBytes: number | undefined
  /** Milliseconds since 1970, as all moments here. */
  readonly startedMs: number
  readonly connection: SentPlaces | undefined
  readonly certificate: SentCertificate | undefined
}

/** What has become of an exchange so far. */
export interface Progress {
  readonly route: string | undefined
  readonly service: { readonly name: string; readonly endpoints: number } | undefined
  readonly endpoint: { readonly address: string; readonly port: number; readonly zone: string | undefined; readonly metadata: Readonly<Record<string, string>> } | undefined
  readonly attempt: number
  readonly attemptMs: number
  readonly headersMs: number
  readonly endedMs: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly replied: boolean
  readonly error: ErrorCode | undefined
}

export type Properties = readonly (readonly [name: string, value: Uint8Array])[]

/** What has become of a TCP connection so far, beside its exchange. */
export interface ConnectionProgress {
  /** Only once: when there is one. */
  readonly upstream: (SentPlaces & { readonly certificate: SentCertificate | undefined }) | undefined
  readonly closedByClient: boolean
  readonly error: ErrorCode | undefined
}

/** One phase of one exchange, or of one connection. */
export interface PhaseCall {
  readonly stream: number
  readonly filter: number
  readonly phase: Phase
  /** The first time. */
  readonly opening?: Opening
  readonly progress?: Progress
  /** Method, path, query, `?` or nothing, authority, and the fields; when it is not as it was the last time. */
  readonly request?: string
  /** Status, reason, and the fields; the same. */
  readonly response?: string
  readonly chunk?: Uint8Array
  readonly last?: boolean
  readonly trailers?: string
  readonly properties?: Properties
  readonly connection?: ConnectionProgress
}

/** A reply as it crosses. */
export interface SentReply {
  readonly status: number
  readonly headers: string
  readonly body: Uint8Array
}

/** What the filter has made of it. What is absent is as it was. */
export interface Outcome {
  readonly stream: number
  /** The two directions of an exchange may be asked about at the same time. */
  readonly of: Side
  /** `same`: the chunk goes on as it came. */
  readonly kind: 'pass' | 'same' | 'bytes' | 'reply' | 'error'
  readonly request?: string
  readonly response?: string
  readonly requestTrailers?: string
  readonly responseTrailers?: string
  /** The length of the request body is not to be relied on. */
  readonly undeclared?: boolean
  readonly rerouted?: boolean
  readonly properties?: Properties
  /** The guest holds bytes back. */
  readonly holds?: boolean
  readonly bytes?: Uint8Array
  readonly reply?: SentReply
  readonly error?: SentError
}

/** An error without anything that cannot cross. */
export interface SentError {
  /** Undefined: it is none of ours. */
  readonly code: ErrorCode | undefined
  readonly detail: string | undefined
}

/** What a thread needs to run a filter. */
export interface FilterStart {
  readonly filter: number
  readonly protocol: 'HTTP' | 'TCP'
  readonly key: string
  readonly module: WebAssembly.Module
  readonly sha256: string
  readonly abi: string
  readonly settings: PluginSettings
  readonly logLevel: number
  readonly onFailure: OnFailure
  readonly capabilities: readonly string[] | undefined
  readonly allowUnknown: boolean
  readonly rebuild: { readonly afterRequests?: number | undefined; readonly aboveMemoryMb?: number | undefined } | undefined
  readonly memory: CommonMemory
  /** How long its thread may take to start it. Milliseconds. */
  readonly startMs: number
}

/** A callout as it crosses. */
export type SentRequest = Omit<CallRequest, 'headers' | 'trailers' | 'signal'> & { readonly headers: string; readonly trailers: string | undefined }

/** What a thread is asked as tasks of its pool: synchronously, one after the other. */
export type Task =
  | { readonly kind: 'open'; readonly port: MessagePort; readonly replies: MessagePort; readonly marks: Int32Array<SharedArrayBuffer> }
  | { readonly kind: 'start'; readonly start: FilterStart; readonly services: readonly string[] }
  | { readonly kind: 'batch'; readonly calls: readonly PhaseCall[]; readonly services: readonly string[] | undefined }

/** What a thread tells without being asked. */
export type News =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  /** The guest has answered a stream out of turn: one of the two. */
  | { readonly kind: 'answered'; readonly stream: number; readonly reply: SentReply | undefined; readonly error: SentError | undefined }
  /** It has let bytes go that nobody waits for: all that it held back of this side. */
  | { readonly kind: 'passed'; readonly stream: number; readonly of: Side; readonly bytes: Uint8Array }
  /** It ends a connection. */
  | { readonly kind: 'closed'; readonly stream: number }
  | { readonly kind: 'log'; readonly filter: number; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string }
  | { readonly kind: 'used'; readonly filter: number; readonly calls: number; readonly ms: number }
  | { readonly kind: 'paused'; readonly filter: number; readonly ms: number }
  | { readonly kind: 'served'; readonly filter: number; readonly streams: number; readonly memoryBytes: number }
  | { readonly kind: 'failed'; readonly filter: number; readonly reason: string; readonly message: string }
  | { readonly kind: 'reloaded'; readonly filter: number }
  | { readonly kind: 'retired'; readonly filter: number }
  | { readonly kind: 'define'; readonly filter: number; readonly id: number; readonly type: number; readonly name: string }
  | { readonly kind: 'increment' | 'record'; readonly filter: number; readonly id: number; readonly by: bigint }
  | { readonly kind: 'call'; readonly filter: number; readonly id: number; readonly service: string; readonly request: SentRequest }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'read'; readonly id: number; readonly stream: number; readonly of: Side; readonly maxBytes: number }
  | { readonly kind: 'grpc'; readonly filter: number; readonly id: number; readonly service: string; readonly path: string; readonly metadata: readonly string[]; readonly timeoutMs: number }
  | { readonly kind: 'grpcSend'; readonly id: number; readonly message: Uint8Array; readonly last: boolean }
  | { readonly kind: 'grpcEnd' | 'grpcCancel'; readonly id: number }
  /** The thread waits for the answer, and does nothing else meanwhile. `ranMs`: how long the guest has been in this call, without what it waited for such answers. */
  | { readonly kind: 'foreign'; readonly filter: number; readonly name: string; readonly argument: Uint8Array; readonly ranMs: number }

/** News of one stream. */
export type StreamNews = Extract<News, { readonly kind: 'answered' | 'passed' | 'closed' }>

/** What it is told without asking. */
export type ToThread =
  | { readonly kind: 'answer'; readonly id: number; readonly status: number; readonly headers: string; readonly body: Uint8Array; readonly trailers: string | undefined }
  | { readonly kind: 'body'; readonly id: number; readonly body: Uint8Array; readonly trailers: string | undefined }
  | { readonly kind: 'failed'; readonly id: number; readonly error: SentError }
  | { readonly kind: 'grpcFields'; readonly id: number; readonly which: 'initial' | 'trailing'; readonly fields: readonly string[] }
  | { readonly kind: 'grpcMessage'; readonly id: number; readonly message: Uint8Array }
  | { readonly kind: 'grpcClosed'; readonly id: number; readonly status: number; readonly message: string }
  | { readonly kind: 'retire'; readonly filter: number }
  | { readonly kind: 'services'; readonly services: readonly string[] }

/** What answers a `foreign`. */
export type ForeignReply = { readonly status: number } | { readonly bytes: Uint8Array } | { readonly thrown: string }

/** Numbers that both threads see: one that changes whenever the guest is entered, and is odd until it is left; and how many foreign functions have been called, and have answered. */
export const marks = { entered: 0, answered: 1, asked: 2 } as const
