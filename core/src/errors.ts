// Every way an exchange or a boot can fail: one table of codes, and the error that carries a code.

/** Whose fault it is: the client's (`downstream`), the endpoint's (`upstream`) or this mesh's own (`mesh`). */
export type ErrorSource = 'downstream' | 'upstream' | 'mesh'

/** What the table knows of one code. */
export interface ErrorKind {
  /** The status a client sees when nothing has been sent yet; 0 for boot errors, which no client ever sees. */
  readonly status: number
  readonly source: ErrorSource
  /** Envoy's response flag for the access log; `-` where Envoy has none. */
  readonly flag: string
  /** What happened, in words that may be shown to anyone. */
  readonly title: string
}

/** The table. `core/docs/errors.md` lists the same codes; a test keeps them equal. */
export const errorKinds = {
  // The request as it arrived.
  MESH_BAD_REQUEST: { status: 400, source: 'downstream', flag: 'DPE', title: 'The request breaks the rules of HTTP' },
  MESH_TLS_HANDSHAKE_FAILED: { status: 400, source: 'downstream', flag: 'DPE', title: 'The TLS handshake failed' },
  MESH_BAD_HOST: { status: 400, source: 'downstream', flag: 'DPE', title: 'The Host is missing, repeated or invalid' },
  MESH_BAD_PATH: { status: 400, source: 'downstream', flag: 'DPE', title: 'The request path is not acceptable' },
  MESH_BAD_FRAMING: { status: 400, source: 'downstream', flag: 'DPE', title: 'The length of the request body is ambiguous' },
  MESH_BAD_HEADER: { status: 400, source: 'downstream', flag: 'DPE', title: 'A header field of the request is not acceptable' },
  MESH_UNKNOWN_CODING: { status: 501, source: 'downstream', flag: 'DPE', title: 'The transfer coding of the request is not known' },
  MESH_BAD_VERSION: { status: 505, source: 'downstream', flag: 'DPE', title: 'Only HTTP/1.0 and HTTP/1.1 are spoken here' },
  MESH_METHOD_REFUSED: { status: 405, source: 'downstream', flag: 'DPE', title: 'CONNECT and TRACE are not forwarded' },
  MESH_EXPECTATION_FAILED: { status: 417, source: 'downstream', flag: 'DPE', title: 'The expectation of the request cannot be met' },
  MESH_LOOP: { status: 508, source: 'downstream', flag: 'DPE', title: 'The request has passed this mesh before' },
  MESH_CLIENT_CLOSED: { status: 499, source: 'downstream', flag: 'DC', title: 'The client went away' },
  // Limits towards the client.
  MESH_HEAD_TOO_LARGE: { status: 431, source: 'downstream', flag: 'DPE', title: 'The request head is too large' },
  MESH_TOO_MANY_HEADERS: { status: 431, source: 'downstream', flag: 'DPE', title: 'The request has too many header fields' },
  MESH_URL_TOO_LONG: { status: 414, source: 'downstream', flag: 'DPE', title: 'The request target is too long' },
  MESH_BODY_TOO_LARGE: { status: 413, source: 'downstream', flag: 'DPE', title: 'The request body is too large' },
  MESH_REQUEST_BUFFER_FULL: { status: 413, source: 'downstream', flag: 'DPE', title: 'The request body is larger than a filter may hold back' },
  MESH_TOO_MANY_CONNECTIONS: { status: 503, source: 'mesh', flag: 'OM', title: 'The listener has no room for another connection' },
  MESH_CONNECTION_SPENT: { status: 503, source: 'mesh', flag: 'OM', title: 'The connection has carried as many requests as it may' },
  // Waiting for the client.
  MESH_REQUEST_HEADERS_TIMEOUT: { status: 408, source: 'downstream', flag: 'SI', title: 'The request head did not arrive in time' },
  MESH_REQUEST_BODY_TIMEOUT: { status: 408, source: 'downstream', flag: 'SI', title: 'The request body stopped arriving' },
  MESH_RESPONSE_STALLED: { status: 408, source: 'downstream', flag: 'SI', title: 'The client stopped reading the response' },
  MESH_TLS_HANDSHAKE_TIMEOUT: { status: 408, source: 'downstream', flag: 'SI', title: 'The TLS handshake took too long' },
  MESH_DEADLINE_EXCEEDED: { status: 504, source: 'downstream', flag: 'UT', title: 'The time that the client has given is over' },
  MESH_KEEP_ALIVE_TIMEOUT: { status: 408, source: 'downstream', flag: 'SI', title: 'The idle connection was closed' },
  MESH_TUNNEL_IDLE_TIMEOUT: { status: 504, source: 'mesh', flag: 'SI', title: 'The upgraded or TCP connection was idle for too long' },
  // Decisions made here.
  MESH_NO_ROUTE: { status: 404, source: 'mesh', flag: 'NR', title: 'No route matches the request' },
  MESH_NO_SERVICE: { status: 500, source: 'mesh', flag: 'NC', title: 'The route has no service to go to' },
  MESH_NO_ENDPOINT: { status: 503, source: 'mesh', flag: 'UH', title: 'The service has no endpoint that may receive traffic' },
  MESH_RATE_LIMITED: { status: 429, source: 'mesh', flag: 'RL', title: 'The request is one of too many' },
  MESH_RATE_UNKNOWN: { status: 503, source: 'mesh', flag: '-', title: 'Nobody knows whether the request is one of too many' },
  MESH_OVERFLOW: { status: 503, source: 'mesh', flag: 'UO', title: 'The service has no room for another request' },
  MESH_BREAKER_OPEN: { status: 503, source: 'mesh', flag: 'UO', title: 'The service is given a rest' },
  MESH_DRAINING: { status: 503, source: 'mesh', flag: 'DO', title: 'The mesh is shutting down' },
  MESH_FILTER_FAILED: { status: 500, source: 'mesh', flag: '-', title: 'A filter failed' },
  MESH_FILTER_TIMEOUT: { status: 504, source: 'mesh', flag: '-', title: 'A filter took too long' },
  MESH_WASM_FAILED: { status: 503, source: 'mesh', flag: '-', title: 'A WASM filter failed' },
  MESH_WASM_CLOSED: { status: 503, source: 'mesh', flag: '-', title: 'A WASM filter closed the exchange' },
  MESH_PLUGIN_FAILED: { status: 500, source: 'mesh', flag: '-', title: 'A plugin failed' },
  MESH_INTERNAL: { status: 500, source: 'mesh', flag: '-', title: 'The mesh failed' },
  // The endpoint's side.
  MESH_CONNECT_FAILED: { status: 502, source: 'upstream', flag: 'UF', title: 'The endpoint refused the connection' },
  MESH_CONNECT_TIMEOUT: { status: 504, source: 'upstream', flag: 'UF', title: 'The endpoint did not accept the connection in time' },
  MESH_UPSTREAM_TLS: { status: 502, source: 'upstream', flag: 'UF', title: 'TLS with the endpoint failed' },
  MESH_UPSTREAM_CLOSED: { status: 502, source: 'upstream', flag: 'UC', title: 'The endpoint closed the connection too early' },
  MESH_UPSTREAM_PROTOCOL: { status: 502, source: 'upstream', flag: 'UPE', title: 'The response breaks the rules of HTTP' },
  MESH_UPSTREAM_HEAD_TOO_LARGE: { status: 502, source: 'upstream', flag: 'UPE', title: 'The response head is too large' },
  MESH_RESPONSE_BUFFER_FULL: { status: 502, source: 'upstream', flag: 'UPE', title: 'The response body is larger than a filter may hold back' },
  MESH_RESPONSE_HEADERS_TIMEOUT: { status: 504, source: 'upstream', flag: 'UT', title: 'The endpoint did not answer in time' },
  MESH_RESPONSE_IDLE_TIMEOUT: { status: 504, source: 'upstream', flag: 'UT', title: 'The response stopped arriving' },
  MESH_ATTEMPT_TIMEOUT: { status: 504, source: 'upstream', flag: 'UT', title: 'The endpoint took longer than one attempt may take' },
  MESH_REQUEST_TIMEOUT: { status: 504, source: 'upstream', flag: 'UT', title: 'The request took longer than the service allows' },
  // Boot: thrown, never answered.
  MESH_BAD_OPTIONS: { status: 0, source: 'mesh', flag: '-', title: 'Options are not valid' },
  MESH_UNKNOWN_NAME: { status: 0, source: 'mesh', flag: '-', title: 'No plugin provides this name' },
  MESH_DUPLICATE_NAME: { status: 0, source: 'mesh', flag: '-', title: 'The name is taken' },
  MESH_UNKNOWN_SERVICE: { status: 0, source: 'mesh', flag: '-', title: 'A route names a service that does not exist' },
  MESH_BAD_ROUTE: { status: 0, source: 'mesh', flag: '-', title: 'A route cannot be compiled' },
  MESH_PLUGIN_VERSION: { status: 0, source: 'mesh', flag: '-', title: 'A plugin was made for another version of the core' },
  MESH_PLUGIN_SHAPE: { status: 0, source: 'mesh', flag: '-', title: 'A module is not a Meshwright plugin' },
  MESH_WASM_REFUSED: { status: 0, source: 'mesh', flag: '-', title: 'A WASM module cannot be used' },
  MESH_LISTEN_FAILED: { status: 0, source: 'mesh', flag: '-', title: 'An address cannot be listened on' },
  MESH_IDENTITY_FAILED: { status: 0, source: 'mesh', flag: '-', title: 'An identity has no key and certificate that can be used' },
  MESH_SHARED_MEMORY_FULL: { status: 0, source: 'mesh', flag: '-', title: 'There is no room for more shared memory' },
  MESH_WORKER_FAILED: { status: 0, source: 'mesh', flag: '-', title: 'A data-plane thread could not start' },
} as const

const kinds: Readonly<Record<ErrorCode, ErrorKind>> = errorKinds

/** A stable name of a failure. */
export type ErrorCode = keyof typeof errorKinds

/**
 * A failure with a code. What a client sees is the code and the table's title, never `message` or `cause`.
 * Thrown at boot; a value on the path of an exchange.
 */
export class MeshError extends Error {
  override readonly name = 'MeshError'
  readonly code: ErrorCode
  readonly status: number
  readonly source: ErrorSource
  readonly flag: string
  /** For logs and operators; never sent to a client. */
  readonly detail: string | undefined
  /** When asking again may help, from now on; the client is told in whole seconds, as Retry-After. Milliseconds; undefined: nobody knows. */
  readonly retryAfterMs: number | undefined

  /**
   * @param code a key of the table
   * @param detail for logs and operators; never sent to a client
   * @param cause the original error, kept for logs
   * @param retryAfterMs when asking again may help; milliseconds, more than 0
   */
  constructor(code: ErrorCode, detail?: string, cause?: unknown, retryAfterMs?: number) {
    const kind = kinds[code]
    const { stackTraceLimit } = Error
    // hot: a stack takes 3 µs of 4, and tells nothing of what happens to exchanges every day; a mistake of ours or of a plugin is another matter.
    if (kind.status !== 0 && kind.status !== 500) Error.stackTraceLimit = 0
    super(detail === undefined ? kind.title : `${kind.title}: ${detail}`, cause === undefined ? undefined : { cause })
    Error.stackTraceLimit = stackTraceLimit
    this.code = code
    this.detail = detail
    this.retryAfterMs = retryAfterMs
    this.status = kind.status
    this.source = kind.source
    this.flag = kind.flag
  }
}

/** What somebody threw, as a text; whatever it is, this does not throw. */
export function messageOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    return 'something that is no text'
  }
}

/** Turns whatever a plugin threw into an error with a code; a MeshError stays itself. */
export function toMeshError(thrown: unknown, code: ErrorCode, detail: string): MeshError {
  return thrown instanceof MeshError ? thrown : new MeshError(code, detail, thrown)
}
