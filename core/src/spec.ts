// What a configuration says: listeners, services and routes as plain data, the same in a file and in code.
import type { EndpointSpec } from './endpoint.ts'
import type { Questions } from './questions.ts'
import type { SlowStartSpec } from './slow-start.ts'

export type { SlowStartSpec } from './slow-start.ts'

/**
 * An answer to a question: by value (`p2c()`), by name (`'p2c'`), or by name with options (`{ 'rate-limit': { … } }`).
 * Only names cross threads, so a value is refused where `workers` is more than 0.
 */
export type Answer<T> = T | string | Readonly<Record<string, unknown>>

/** A bound address and what may happen on it. */
export interface ListenerSpec {
  /** For logs, metrics and the admin API. Default: the address. */
  readonly name?: string
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /**
   * Carry the bytes of connections to this service, instead of requests along routes. What is about HTTP is refused then:
   * of the timeouts `filterMs`, `tunnelIdleMs` and `tlsHandshakeMs` count, of the limits `connections`.
   */
  readonly tcp?: string | TcpSpec
  readonly timeouts?: ListenerTimeouts
  readonly limits?: ListenerLimits
  /** Peers (addresses or CIDR ranges) whose forwarded headers are believed. Default: nobody's. */
  readonly trustedHops?: readonly string[]
  /** Rewrite the path before routing. `normalize` (dot segments, needless percent-encoding): default true; `mergeSlashes`: default true; `escapedSlashes` (%2F, %5C): default `reject`. */
  readonly path?: PathPolicy
  /** Field names with an underscore: default `allow`; `drop` removes the field, `reject` answers 400. */
  readonly underscores?: 'allow' | 'drop' | 'reject'
  /** What becomes of a request without a route. `host`: the Fastify app answers it (default in code); `reply`: MESH_NO_ROUTE (default in a file). */
  readonly unrouted?: 'host' | 'reply'
  /** Keys and certificates: the listener speaks TLS. Default: none, it speaks plain HTTP. */
  readonly identity?: Answer<Questions['identity']>
  /** How TLS is spoken; only together with an identity. */
  readonly tls?: ListenerTls
  /** What becomes of X-Forwarded-Client-Cert. Default `sanitize`. */
  readonly forwardClientCertificate?: ClientCertificateMode | { readonly mode: ClientCertificateMode; readonly keys?: readonly ClientCertificateKey[] }
  /** Share the port with other threads by SO_REUSEPORT. Set by the supervisor. Default false. */
  readonly reusePort?: boolean
}

/** Where the connections of a TCP listener go. A service alone is short for `{ to }`. */
export interface TcpSpec {
  /** A service: its balancer, admissions, outlier detector, `connectMs` and `tls` count, once per connection. */
  readonly to: string
  /** In this order; those of the whole mesh are for requests. */
  readonly filters?: readonly Answer<Questions['networkFilter']>[]
}

/** How a listener speaks TLS. HTTP/1.1 is all that is offered by ALPN; a TCP listener offers nothing. */
export interface ListenerTls {
  /** The oldest version that is spoken: 1.2 (default) or 1.3. */
  readonly minVersion?: 1.2 | 1.3 | '1.2' | '1.3'
  /**
   * Are clients asked for a certificate? `none` (default); `optional`: it may be missing, but not bad; `required`. It is
   * verified with the `ca` of the identity and nothing else. MESH_TLS_HANDSHAKE_FAILED.
   */
  readonly clientCertificates?: 'none' | 'optional' | 'required'
  /** Clients that ask for a name that no certificate has, or for none: `default` shows them the first certificate, `refuse` ends the handshake. */
  readonly unknownServerName?: 'default' | 'refuse'
}

/**
 * What becomes of X-Forwarded-Client-Cert, in Envoy's words. `sanitize`: it is taken out. With a certificate of the client:
 * `forward-only` passes it as it came, `append-forward` adds an element for this client, `sanitize-set` replaces it with one;
 * without a certificate all three take it out. `always-forward-only` passes it whoever sent it.
 */
export type ClientCertificateMode = 'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only'

/** What an element of X-Forwarded-Client-Cert says; default Hash, Subject, URI and DNS. `By` are the URI names of the listener's own certificate, `Chain` has the intermediates as far as Node tells: Node 24 tells a server of none. */
export type ClientCertificateKey = 'By' | 'Hash' | 'Cert' | 'Chain' | 'Subject' | 'URI' | 'DNS'

/** How long a listener waits for a client. Milliseconds; 0 waits for ever. */
export interface ListenerTimeouts {
  /** For a whole request head, from the first byte or the opening of the connection. Default 10000. MESH_REQUEST_HEADERS_TIMEOUT. */
  readonly requestHeadersMs?: number
  /** Between two chunks of a request body. Default 30000. MESH_REQUEST_BODY_TIMEOUT. */
  readonly requestBodyIdleMs?: number
  /** For a client that reads nothing of a response while there is something to read. Default 60000. MESH_RESPONSE_STALLED. */
  readonly responseStallMs?: number
  /** For the TLS handshake, from the opening of the connection. Default 10000; more than 0. MESH_TLS_HANDSHAKE_TIMEOUT. */
  readonly tlsHandshakeMs?: number
  /** For the next request on an idle connection. Default 60000. MESH_KEEP_ALIVE_TIMEOUT (logged, never sent). */
  readonly keepAliveMs?: number
  /** For the promise of a filter, in each phase and for each chunk of a body. Default 30000. MESH_FILTER_TIMEOUT. */
  readonly filterMs?: number
  /** Without a byte in either direction on an upgraded connection, or on one of a TCP listener. Default 3600000. MESH_TUNNEL_IDLE_TIMEOUT. */
  readonly tunnelIdleMs?: number
}

/** How much a listener takes from a client. */
export interface ListenerLimits {
  /** Bytes of a request head, request line included. Default 65536. MESH_HEAD_TOO_LARGE. */
  readonly headBytes?: number
  /** Header fields of a request. Default 200. MESH_TOO_MANY_HEADERS. */
  readonly headerCount?: number
  /** Characters of a request target. Default 8192. MESH_URL_TOO_LONG. */
  readonly urlLength?: number
  /** Bytes of a request body. Default 0: no limit, as bodies are not buffered. MESH_BODY_TOO_LARGE. */
  readonly bodyBytes?: number
  /** Connections at a time in this thread. Default 10000. MESH_TOO_MANY_CONNECTIONS. */
  readonly connections?: number
  /** Requests on one connection; the last one is answered with `Connection: close`. Default 10000; 0: no limit. MESH_CONNECTION_SPENT for those sent after it. */
  readonly requestsPerConnection?: number
}

export interface PathPolicy {
  readonly normalize?: boolean
  readonly mergeSlashes?: boolean
  readonly escapedSlashes?: 'reject' | 'keep' | 'decode'
}

/** A named set of interchangeable endpoints and the policies for reaching them. */
export interface ServiceSpec {
  /** `host:port`, or more than that. Short for `discovery: { static: { endpoints } }`. */
  readonly endpoints?: readonly (string | EndpointShort)[]
  readonly discovery?: Answer<Questions['discovery']>
  /** Default `least-request` in a file; a code user without one gets the core's own plain round robin. */
  readonly balancer?: Answer<Questions['balancer']>
  readonly retry?: Answer<Questions['retry']>
  readonly admission?: readonly Answer<Questions['admission']>[]
  readonly outlier?: Answer<Questions['outlier']>
  readonly health?: Answer<Questions['health']>
  readonly transport?: Answer<Questions['transport']>
  /** Speak TLS to the endpoints; `true`: with all defaults. Default: plain HTTP. */
  readonly tls?: boolean | ServiceTls
  readonly timeout?: ServiceTimeouts
  readonly limits?: ServiceLimits
  /**
   * If fewer than this part of a priority's endpoints are fit, and no other priority can carry the traffic, the checks are
   * doubted and all of its endpoints are used. Percent, 0..100; default 50; 0: an unfit endpoint never gets traffic.
   */
  readonly panicPercent?: number
  /** How an endpoint that is new, or was unfit, grows into its share. Default: it has it at once. */
  readonly slowStart?: SlowStartSpec
}

/**
 * How TLS 1.2 or 1.3 is spoken to endpoints, with HTTP/1.1 in it. Their certificates are verified: they have to come from
 * one of the roots, and to carry the name that was connected to (the host of the endpoint, or `serverName`), or one of `sans`.
 * What fails is MESH_UPSTREAM_TLS; the reason is in its detail, for operators only.
 */
export interface ServiceTls {
  /** A DNS name, asked for by SNI and expected in the certificate. Default: the endpoint's host; no SNI where that is an address. */
  readonly serverName?: string
  /** Expect one of these in the certificate, exactly, and no other name: a URI if it has `://` in it (`spiffe://…`), else a DNS name. One or more. */
  readonly sans?: readonly string[]
  /** Roots in PEM. Default: those of the identity, else those that come with Node. An identity can read them from files and follow their changes. */
  readonly ca?: string
  /** False: take any certificate from anybody. For tests only. Default true. */
  readonly verify?: boolean
  /** The certificate to show them, and the roots to verify them with. Default: no certificate, the roots of Node. */
  readonly identity?: Answer<Questions['identity']>
}

/** An endpoint as people write it. */
export interface EndpointShort extends Omit<EndpointSpec, 'host' | 'port'> {
  /** `host:port`. */
  readonly address: string
}

/** How long an exchange waits for an endpoint. Milliseconds; 0 waits for ever. */
export interface ServiceTimeouts {
  /** For the whole exchange, every attempt and delay included, until the response has ended. Default 0: off. MESH_REQUEST_TIMEOUT. */
  readonly requestMs?: number
  /** For a connection, with TLS its handshake included. Default 5000. MESH_CONNECT_TIMEOUT. */
  readonly connectMs?: number
  /** Until one of the `connections` is free, where their number is limited. Default 5000. MESH_OVERFLOW. */
  readonly pendingMs?: number
  /** From the end of the request to the response head. Default 15000. MESH_RESPONSE_HEADERS_TIMEOUT. */
  readonly responseHeadersMs?: number
  /** Between two chunks of a response. Default 60000. MESH_RESPONSE_IDLE_TIMEOUT. */
  readonly responseIdleMs?: number
  /** How long an idle connection to an endpoint is kept. Default 30000. */
  readonly keepAliveMs?: number
}

/** How much is taken from an endpoint, and given to it. */
export interface ServiceLimits {
  /** Bytes of a response head. Default 65536. MESH_UPSTREAM_HEAD_TOO_LARGE. */
  readonly headBytes?: number
  /** Connections to one endpoint from one thread. Default 0: no limit. */
  readonly connections?: number
  /** Requests that wait until one of the `connections` is free, for one endpoint and in one thread. Default 1024; 0: none. MESH_OVERFLOW for the next. */
  readonly pending?: number
  /** Requests on one connection. Default 0: no limit. */
  readonly requestsPerConnection?: number
  /** Connections from one thread that are open to each fit endpoint before they are needed, and looked after every second. Default 0. */
  readonly warmConnections?: number
}

/** A condition on a text: equal, matching a regular expression as a whole, there, or not there. */
export type TextMatch = string | { readonly exact: string } | { readonly regex: string } | { readonly present: boolean }

/** Which requests. All conditions must hold; lists hold if one element does. */
export interface RouteMatch {
  /** `shop.example`, `*.shop.example` (one or more labels), or a list of them. Default: any host. */
  readonly host?: string | readonly string[]
  /** Default: prefix `/`. A plain string is exact unless it ends with `/*`, which means a prefix by element. */
  readonly path?: string | { readonly exact: string } | { readonly prefix: string } | { readonly regex: string }
  readonly method?: string | readonly string[]
  readonly headers?: Readonly<Record<string, TextMatch>>
  readonly query?: Readonly<Record<string, TextMatch>>
}

/** A service and its share of a route's traffic. */
export interface WeightedService {
  readonly service: string
  /** 0..1000000; default 1. 0 gets no traffic. */
  readonly weight?: number
}

/** Changes to header fields: `remove` first, then `set`, then `add`. */
export interface HeaderChanges {
  readonly add?: Readonly<Record<string, string>>
  readonly set?: Readonly<Record<string, string>>
  readonly remove?: readonly string[]
}

/** Which requests, through which filters, to which service. Exactly one of `to`, `redirect` and `reply`. */
export interface RouteSpec {
  /** For logs, metrics and the admin API. Default: made of host and path. */
  readonly name?: string
  /** One match, or several of which one must hold. Default: everything. */
  readonly match?: RouteMatch | readonly RouteMatch[]
  readonly to?: string | readonly WeightedService[]
  readonly filters?: readonly Answer<Questions['filter']>[]
  readonly rewrite?: {
    /** Replaces the matched prefix, or the whole path with `full`. */
    readonly path?: { readonly prefix: string } | { readonly full: string }
    readonly host?: string
  }
  readonly redirect?: {
    /** 301, 302, 303, 307 or 308; default 302. */
    readonly status?: number
    readonly scheme?: 'http' | 'https'
    readonly host?: string
    readonly port?: number
    readonly path?: { readonly prefix: string } | { readonly full: string }
  }
  readonly reply?: { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> }
  readonly requestHeaders?: HeaderChanges
  readonly responseHeaders?: HeaderChanges
  /** Overrides of the service's timeouts for this route. */
  readonly timeout?: Pick<ServiceTimeouts, 'requestMs' | 'responseHeadersMs' | 'responseIdleMs'>
}

/** The admin API's own address, and who may do there what not everybody may. */
export interface AdminSpec {
  /** `host:port`. Default 127.0.0.1:9901. */
  readonly address?: string
  /** Names by which other machines reach it; a request for any other name is refused. Default: only addresses, and the host of `address`. */
  readonly hosts?: readonly string[]
  /**
   * What a request must show, as `Authorization: Bearer …`, to see the configuration or change anything: 16 characters or more. Default:
   * the environment variable MESHWRIGHT_ADMIN_TOKEN. Without any, everybody who reaches the address may, and it must be a loopback one.
   */
  readonly token?: string
  /** A file with such tokens, one a line; read again when it has changed. */
  readonly tokenFile?: string
}

/** A whole mesh as a file says it. */
export interface MeshSpec {
  readonly listeners?: readonly ListenerSpec[]
  readonly services?: Readonly<Record<string, ServiceSpec>>
  readonly routes?: readonly RouteSpec[]
  /** For every route, before its own. */
  readonly filters?: readonly Answer<Questions['filter']>[]
  /** Packages or files (`./my-plugin.ts`) that provide more names. */
  readonly plugins?: readonly (string | { readonly name: string; readonly options?: Readonly<Record<string, unknown>> })[]
  readonly admin?: AdminSpec | false
  /** Data-plane threads; 0: everything in the main thread. Default 0. */
  readonly workers?: number
  /** How long in-flight requests may take to end when the mesh stops. Milliseconds; default 30000. */
  readonly drainMs?: number
}
