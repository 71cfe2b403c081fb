// How the hosts of proxy-wasm differ where a guest can tell: as data, so that one host speaks like each of them.

import { fastedgeProperties, type HostProperties } from './fastedge-properties.ts'

/** Whose host a guest was written for. */
export type DialectName = 'envoy' | 'nginx' | 'fastedge'

export interface Dialect {
  /** Whether calls name a service of the mesh, or a host, with or without a port, that a service is called like. */
  readonly upstreams: 'service' | 'host'
  /** Whether callbacks for heads are told that nothing follows the head. */
  readonly endsHeads: boolean
  /** What comes of a stream that waits when the last of its calls is answered: it waits for the guest, goes on, or its request is shown to the guest again. */
  readonly afterCalls: 'wait' | 'goOn' | 'again'
  /** Whether a callback for the head of a response can stop it. */
  readonly stopsResponses: boolean
  /** Whether a request has its body before it goes anywhere, so that callbacks for the body come once, and can change the head. */
  readonly readsRequests: boolean
  /** Whether fields of the response can be made in callbacks for the request: they are added to whatever response there will be. */
  readonly earlyResponses: boolean
  /** Whether a field that is removed stays as an empty one, and one that is not there reads like an empty one. */
  readonly emptiesFields: boolean
  /** Properties that are not Envoy's. */
  readonly properties: HostProperties | undefined
  /** Host functions that answer `unimplemented`. */
  readonly without: ReadonlySet<string>
  /** Beginnings of the names of further functions that guests import, which look something up. */
  readonly beyond: readonly string[]
}

const envoy: Dialect = { upstreams: 'service', endsHeads: true, afterCalls: 'wait', stopsResponses: true, readsRequests: false, earlyResponses: false, emptiesFields: false, properties: undefined, without: new Set(), beyond: [] }

/** ngx_wasm_module, as in Kong. */
const nginx: Dialect = {
  upstreams: 'host',
  endsHeads: false,
  afterCalls: 'goOn',
  stopsResponses: false,
  readsRequests: true,
  earlyResponses: true,
  emptiesFields: false,
  properties: undefined,
  without: new Set([
    'proxy_grpc_call', 'proxy_grpc_stream', 'proxy_grpc_send', 'proxy_grpc_cancel', 'proxy_grpc_close',
    'proxy_get_log_level', 'proxy_done', 'proxy_close_stream', 'proxy_resolve_shared_queue', 'proxy_continue_response',
  ]),
  beyond: [],
}

/** G-Core's, as in its CDN. */
const fastedge: Dialect = {
  ...envoy,
  upstreams: 'host',
  afterCalls: 'again',
  earlyResponses: true,
  emptiesFields: true,
  properties: fastedgeProperties,
  beyond: ['proxy_get_secret', 'proxy_secret_', 'proxy_dictionary_', 'proxy_kv_store_', 'stats_set_user_diag'],
}

export const dialects: Readonly<Record<DialectName, Dialect>> = { envoy, nginx, fastedge }
