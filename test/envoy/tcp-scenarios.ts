// What is tried on TCP listeners of both proxies.
import { bufferStatus, bytes, callOut, close, goOn, property, actFor, add, reply, setProperty, write } from './kit/steps.ts'
import { recorder, step, stream, trap, when, type Act, type Answer, type Step } from './kit/recorder.ts'
import { authority } from '../kit/index.ts'
import type { GuestOptions } from './kit/scenario.ts'
import { either, ends, hears, hearsEnd, noted, resets, says, type Move, type ScenarioTls, type TcpScenario } from './kit/tcp-scenario.ts'

const downstream = 2
const upstream = 3

const guest = (acts: Readonly<Record<string, Act>>, options: Omit<GuestOptions, 'module'> = {}): GuestOptions => ({ module: recorder(acts), ...options })

const silent: Readonly<Record<string, Act>> = { on_new_connection: {}, on_downstream_data: {}, on_upstream_data: {}, on_downstream_connection_close: {}, on_upstream_connection_close: {} }
/** Every callback is written down. */
const recording = (acts: Readonly<Record<string, Act>>, options?: Omit<GuestOptions, 'module'>): GuestOptions => guest({ ...silent, ...acts }, options)

/** Both ways, and the end of both, the client's first. */
const clientFirst: readonly Move[] = [says('client', 'hello'), hears('endpoint', 'hello'), says('endpoint', 'welcome'), hears('client', 'welcome'), ends('client'), hearsEnd('endpoint'), says('endpoint', '!'), hears('client', 'welcome!'), ends('endpoint'), hearsEnd('client')]
/** The same, the endpoint's first. */
const endpointFirst: readonly Move[] = [says('client', 'hello'), hears('endpoint', 'hello'), ends('endpoint'), hearsEnd('client'), says('client', '!'), hears('endpoint', 'hello!'), ends('client'), hearsEnd('endpoint')]

const everywhere = (steps: readonly Step[]): Readonly<Record<string, Act>> => Object.fromEntries([...Object.keys(silent), 'on_log', 'on_done', 'on_delete'].map((name) => [name, { steps, ...(name === 'on_done' ? { answer: 1 } : {}) }]))

/** Until the answer to a call is there; made at the first data only. */
const called = callOut('call', 'app', [':method', 'POST', ':path', '/called', ':authority', 'auth.example'])

/** The same, that takes so long that everything else has come. */
const soon = callOut('call', 'app', [':method', 'GET', ':path', '/never', ':authority', 'a'], '', 100)

const ending: readonly TcpScenario[] = [
  { name: 'callbacks come in the same order', filters: [recording({})], connections: [clientFirst, endpointFirst] },
  { name: 'two guests are asked in the same order', filters: [recording({}), recording({})], connections: [clientFirst] },
  { name: 'a client that breaks off is told of alike', filters: [recording({})], connections: [[says('client', 'x'), hears('endpoint', 'x'), resets('client'), hearsEnd('endpoint'), noted('on_downstream_connection_close')]] },
  { name: 'an endpoint that breaks off is told of alike', filters: [recording({})], connections: [[says('client', 'x'), hears('endpoint', 'x'), resets('endpoint'), hearsEnd('client'), noted('on_downstream_connection_close')]] },
  { name: 'a client that ends at once is told of alike', filters: [recording({})], connections: [[ends('client'), hearsEnd('endpoint'), ends('endpoint'), hearsEnd('client')]] },
  { name: 'an endpoint that cannot be reached is told of alike', filters: [recording({ on_log: { steps: ['connection.termination_details', 'connection.transport_failure_reason', 'upstream.address', 'upstream.transport_failure_reason', 'response.flags', 'response.code'].map((name) => property(...name.split('.'))) } })], connections: [[hearsEnd('client'), noted('on_downstream_connection_close')]], unreachable: true },
  { name: 'a guest that only logs is told of each connection', filters: [guest({})], connections: [clientFirst, endpointFirst] },
  { name: 'an end is put off until a call is answered', filters: [recording({ on_done: { steps: [called], answer: 0 }, on_http_call_response: { steps: [actFor(stream), step('done', 'proxy_done', [])] } })], connections: [[...clientFirst, noted('on_delete')]] },
  { name: 'an endpoint that ends at once is told of alike', filters: [recording({})], connections: [[ends('endpoint'), hearsEnd('client'), ends('client'), hearsEnd('endpoint')]] },
]

const goodbye: readonly Move[] = [ends('client'), hearsEnd('endpoint'), ends('endpoint'), hearsEnd('client')]
/** StopIteration for less than so many bytes, but not for the last. */
const below = (size: number): Answer => ({ wat: `(i32.and (i32.lt_u (local.get 1) (i32.const ${size})) (i32.eqz (local.get 2)))` })
const ifSize = (size: number, ...steps: readonly Step[]): Step => when(`(i32.eq (local.get 1) (i32.const ${size}))`, ...steps)

const changes = (buffer: number): readonly Step[] => [
  bufferStatus(buffer), bytes(buffer), bytes(buffer, 1, 2), bytes(buffer, 5, 1), bytes(buffer, 99, 1), write(buffer, 0, 0, '<'), write(buffer, 99, 0, '>'), write(buffer, 0, 2, 'H'), bytes(buffer), write(buffer, 1, 1, 'no'), write(buffer, 6, 0, '.'), bytes(buffer),
]

const data: readonly TcpScenario[] = [
  {
    name: 'bytes are changed alike',
    filters: [recording({ on_downstream_data: { steps: [ifSize(5, ...changes(downstream), bytes(upstream), bufferStatus(upstream), write(upstream, 0, 0, 'x'))] }, on_upstream_data: { steps: [ifSize(5, ...changes(upstream), bytes(downstream), write(downstream, 0, 0, 'x'))] } })],
    connections: [[says('client', 'hello'), noted('on_downstream_data'), hears('endpoint', 'Hello>.'), says('endpoint', 'there'), hears('client', 'Hhere>.'), ...goodbye]],
  },
  { name: 'bytes are replaced alike', filters: [recording({ on_downstream_data: { steps: [ifSize(5, write(downstream, 0, -1, 'replaced'), bytes(downstream))] }, on_upstream_data: { steps: [ifSize(5, write(upstream, 0, -1, 'too'))] } })], connections: [[says('client', 'hello'), hears('endpoint', 'replaced'), says('endpoint', 'there'), hears('client', 'too'), ...goodbye]] },
  { name: 'bytes are dropped alike', filters: [recording({ on_downstream_data: { steps: [ifSize(5, write(downstream, 0, -1, ''), bytes(downstream))] }, on_upstream_data: { steps: [ifSize(5, write(upstream, 0, -1, ''))] } })], connections: [[says('client', 'hello'), noted('on_downstream_data'), says('client', 'x'), hears('endpoint', 'x'), says('endpoint', 'there'), noted('on_upstream_data'), says('endpoint', 'y'), hears('client', 'y'), ...goodbye]] },
  { name: 'bytes are added to an end alike', filters: [recording({ on_downstream_data: { steps: [when('(local.get 2)', bufferStatus(downstream), bytes(downstream), write(downstream, 0, 0, 'bye'))] }, on_upstream_data: { steps: [when('(local.get 2)', write(upstream, 0, 0, 'bye'))] } })], connections: [[says('client', 'x'), hears('endpoint', 'x'), ends('client'), hearsEnd('endpoint'), hears('endpoint', 'xbye'), ends('endpoint'), hearsEnd('client'), hears('client', 'bye')]] },
  { name: 'bytes pass two guests that change them in the same order', filters: [recording({ on_downstream_data: { steps: [ifSize(1, write(downstream, 99, 0, '1'))] }, on_upstream_data: { steps: [ifSize(2, write(upstream, 99, 0, '1'))] } }), recording({ on_downstream_data: { steps: [ifSize(2, write(downstream, 99, 0, '2'))] }, on_upstream_data: { steps: [ifSize(1, write(upstream, 99, 0, '2'))] } })], connections: [[says('client', 'a'), hears('endpoint', 'a12'), says('endpoint', 'b'), hears('client', 'b21'), ...goodbye]] },
]

const tick = (ms: number): Step => step(`tick every ${ms}`, 'proxy_set_tick_period_milliseconds', [ms])

/** A guest that lets a new connection go on when its call is answered. */
const holding = recording({ on_new_connection: { steps: [called], answer: 1 }, on_http_call_response: { steps: [actFor(stream), goOn(downstream)] } })

const stops: readonly TcpScenario[] = [
  { name: 'bytes of the client gather while the guest stops', filters: [recording({ on_downstream_data: { steps: [bytes(downstream)], answer: below(5) } })], connections: [[says('client', 'abc'), noted('on_downstream_data'), says('client', 'def'), hears('endpoint', 'abcdef'), says('client', 'ghijk'), hears('endpoint', 'abcdefghijk'), ...goodbye]] },
  { name: 'bytes of the endpoint are stopped alike', filters: [recording({ on_upstream_data: { steps: [bytes(upstream)], answer: below(5) } })], connections: [[says('endpoint', 'abc'), noted('on_upstream_data'), says('endpoint', 'def'), hears('client', 'abcdef'), ...goodbye]] },
  { name: 'an end that is stopped goes on with a call', filters: [recording({ on_downstream_data: { steps: [when('(local.get 2)', called)], answer: { more: 0, last: 1 } }, on_http_call_response: { steps: [actFor(stream), bytes(downstream), goOn(downstream)] } })], connections: [[says('client', 'abc'), hears('endpoint', 'abc'), ...goodbye]] },
  { name: 'bytes that are stopped are changed and go on with a call', filters: [recording({ on_downstream_data: { steps: [ifSize(3, called)], answer: below(4) }, on_http_call_response: { steps: [actFor(stream), bytes(downstream), bufferStatus(downstream), write(downstream, 0, 1, 'A'), bytes(downstream), goOn(downstream), goOn(downstream), bytes(downstream), write(downstream, 0, 0, 'more')] } })], connections: [[says('client', 'abc'), hears('endpoint', 'moreAbc'), says('endpoint', 'x'), hears('client', 'x'), says('client', 'defg'), hears('endpoint', 'moreAbcdefg'), ...goodbye]] },
  { name: 'bytes that are stopped go on in a tick', filters: [recording({ on_downstream_data: { steps: [ifSize(3, tick(20))], answer: below(4) }, on_tick: { steps: [tick(0), actFor(stream), bytes(downstream), goOn(downstream)] } })], connections: [[says('client', 'abc'), hears('endpoint', 'abc'), ...goodbye]] },
  { name: 'bytes that go on pass the guests behind', filters: [recording({}), recording({ on_downstream_data: { steps: [ifSize(3, called)], answer: below(4) }, on_http_call_response: { steps: [actFor(stream), goOn(downstream)] } }), recording({})], connections: [[says('client', 'abc'), hears('endpoint', 'abc'), ...goodbye]] },
  { name: 'bytes of the endpoint that a guest stops pass the guest before it', filters: [recording({}), recording({ on_upstream_data: { answer: below(5) } })], connections: [[says('endpoint', 'abc'), noted('on_upstream_data'), says('endpoint', 'def'), hears('client', 'abcdef'), ...goodbye]] },
  { name: 'bytes that a guest stops are seen by the guest behind it at once', filters: [recording({ on_downstream_data: { answer: below(5) } }), recording({ on_downstream_data: { steps: [bytes(downstream)] } })], connections: [[says('client', 'abc'), noted('on_downstream_data'), says('client', 'def'), hears('endpoint', 'abcdef'), ...goodbye]] },
  { name: 'a client breaks off while its bytes are stopped', filters: [recording({ on_downstream_data: { answer: 1 } })], connections: [[says('client', 'abc'), noted('on_downstream_data'), resets('client'), noted('on_downstream_connection_close'), hearsEnd('endpoint')]] },
  { name: 'an endpoint ends while bytes of the client are stopped', filters: [recording({ on_downstream_data: { answer: below(5) } })], connections: [[says('client', 'abc'), noted('on_downstream_data'), ends('endpoint'), hearsEnd('client'), says('client', 'def'), hears('endpoint', 'abcdef'), ends('client'), hearsEnd('endpoint')]] },
  { name: 'two guests hold a new connection', filters: [holding, holding], connections: [[says('client', 'early'), hears('endpoint', 'early'), ...goodbye]] },
  { name: 'an end that comes while a guest holds a new connection goes on', filters: [recording({ on_new_connection: { steps: [soon], answer: 1 }, on_http_call_response: { steps: [actFor(stream), goOn(downstream)] } })], connections: [[says('client', 'early'), ends('client'), hears('endpoint', 'early'), hearsEnd('endpoint'), ends('endpoint'), hearsEnd('client')]] },
  { name: 'bytes of the endpoint that are stopped to the end stay', filters: [recording({ on_upstream_data: { answer: { more: 1, last: 0 } } })], connections: [[says('endpoint', 'abc'), noted('on_upstream_data'), ends('endpoint'), hears('client', 'abc'), hearsEnd('client'), ends('client'), hearsEnd('endpoint')]] },
  { name: 'a new connection waits for a call', filters: [recording({ on_new_connection: { steps: [called, bytes(downstream), bufferStatus(downstream)], answer: 1 }, on_http_call_response: { steps: [actFor(stream), bytes(downstream), property('upstream', 'address'), goOn(downstream)] } })], connections: [[says('client', 'early'), hears('endpoint', 'early'), ...goodbye]] },
  { name: 'a guest that goes on in the same callback is not stopped', filters: [recording({ on_downstream_data: { steps: [ifSize(3, goOn(downstream))], answer: below(4) } })], connections: [[says('client', 'abc'), hears('endpoint', 'abc'), ...goodbye]] },
  { name: 'a guest that goes on in the callback of a new connection is not stopped', filters: [recording({ on_new_connection: { steps: [goOn(downstream)], answer: 1 } })], connections: [[says('client', 'abc'), hears('endpoint', 'abc'), ...goodbye]] },
]

/** More than both proxies hold back, all of it different. */
const much = Array.from({ length: 400_000 }, (_none, i) => String(i).padStart(8, '.')).join('')

const volumes: readonly TcpScenario[] = [
  { name: 'many bytes go through', filters: [recording({})], connections: [[says('client', much), hears('endpoint', much), says('endpoint', much), hears('client', much), ...goodbye]], compareRecords: false },
  { name: 'more bytes than may be held back go on in ticks', filters: [recording({ on_new_connection: { steps: [tick(10)] }, on_downstream_data: { answer: { more: 1, last: 0 } }, on_tick: { steps: [actFor(stream), goOn(downstream)] } })], connections: [[says('client', much), hears('endpoint', much), ...goodbye]], compareRecords: false },
  { name: 'more bytes of the endpoint than may be held back go on in the end', filters: [recording({ on_upstream_data: { answer: { wat: '(i32.and (i32.lt_u (local.get 1) (i32.const 400000)) (i32.eqz (local.get 2)))' } } })], connections: [[says('endpoint', much), ends('endpoint'), hears('client', much), hearsEnd('client'), ends('client'), hearsEnd('endpoint')]], compareRecords: false },
  { name: 'a client is heard while much is on its way to it', filters: [recording({})], connections: [[says('endpoint', much), says('client', 'x'), hears('endpoint', 'x'), hears('client', much), ...goodbye]], compareRecords: false },
  { name: 'bytes on both ways at once do not mix', filters: [recording({}), recording({})], connections: [[says('endpoint', much), says('client', much), ends('client'), ends('endpoint'), hears('endpoint', much), hears('client', much), hearsEnd('client'), hearsEnd('endpoint')]], compareRecords: false },
]

const closing: readonly TcpScenario[] = [
  ...[downstream, upstream].flatMap((type) => [
    { name: `a guest closes ${type} at a new connection`, filters: [recording({ on_new_connection: { steps: [close(type)], answer: 1 } })], connections: [[hearsEnd('client'), ends('client'), noted('on_downstream_connection_close')]] },
    { name: `a guest closes ${type} at data of the client`, filters: [recording({ on_downstream_data: { steps: [ifSize(1, close(type))], answer: 1 } })], connections: [[says('endpoint', 'welcome'), hears('client', 'welcome'), says('client', 'x'), hearsEnd('client'), ends('client'), noted('on_downstream_connection_close')]] },
    { name: `a guest closes ${type} at data of the client that go on`, filters: [recording({ on_downstream_data: { steps: [ifSize(1, close(type))] } })], connections: [[says('endpoint', 'welcome'), hears('client', 'welcome'), says('client', 'x'), hearsEnd('client'), ends('client'), noted('on_downstream_connection_close')]] },
    { name: `a guest closes ${type} at data of the endpoint`, filters: [recording({ on_upstream_data: { steps: [ifSize(1, close(type))] } })], connections: [[says('client', 'hi'), hears('endpoint', 'hi'), says('endpoint', 'x'), hearsEnd('client'), ends('client'), noted('on_downstream_connection_close')]] },
  ]),
  { name: 'a guest closes what it has stopped', filters: [recording({ on_downstream_data: { steps: [ifSize(3, called)], answer: 1 }, on_http_call_response: { steps: [actFor(stream), close(downstream), goOn(downstream)] } })], connections: [[says('client', 'abc'), hearsEnd('client'), ends('client'), hearsEnd('endpoint'), noted('on_downstream_connection_close')]] },
  { name: 'a guest closes what has ended', filters: [recording({ on_downstream_connection_close: { steps: [close(downstream), goOn(downstream)] }, on_done: { steps: [close(downstream)], answer: 1 }, on_log: { steps: [close(upstream)] } })], connections: [clientFirst] },
  { name: 'a guest closes at the end of the client', filters: [recording({ on_downstream_data: { steps: [when('(local.get 2)', close(downstream))] } })], connections: [[says('client', 'abc'), hears('endpoint', 'abc'), ends('client'), hearsEnd('client'), hearsEnd('endpoint'), noted('on_downstream_connection_close')]] },
  { name: 'a guest closes when a call is answered', filters: [recording({ on_new_connection: { steps: [called], answer: 1 }, on_http_call_response: { steps: [actFor(stream), close(downstream)] } })], connections: [[hearsEnd('client'), ends('client'), noted('on_downstream_connection_close')]] },
]

const paths: readonly (readonly string[])[] = [
  ['source', 'address'], ['source', 'port'], ['destination', 'address'], ['destination', 'port'],
  ...['id', 'mtls', 'requested_server_name', 'tls_version', 'subject_local_certificate', 'subject_peer_certificate', 'dns_san_peer_certificate', 'uri_san_peer_certificate', 'sha256_peer_certificate_digest', 'termination_details', 'transport_failure_reason'].map((name) => ['connection', name]),
  ['connection_id'],
  ...['address', 'port', 'local_address', 'num_endpoints', 'tls_version', 'transport_failure_reason', 'request_attempt_count', 'cx_pool_ready_duration', 'locality'].map((name) => ['upstream', name]),
  ...['path', 'url_path', 'host', 'scheme', 'method', 'headers', 'headers_bytes', 'referer', 'useragent', 'time', 'id', 'protocol', 'query', 'duration', 'size', 'total_size'].map((name) => ['request', name]),
  ...['code', 'code_details', 'flags', 'grpc_status', 'headers', 'headers_bytes', 'trailers', 'size', 'total_size', 'backend_latency'].map((name) => ['response', name]),
  ['request', 'headers', 'x-a'], ['response', 'headers', 'x-a'],
  ['plugin_name'], ['plugin_root_id'], ['plugin_vm_id'], ['node', 'id'], ['cluster_name'], ['listener_direction'], ['route_name'], ['metadata'],
  ['xds', 'node', 'id'], ['xds', 'cluster_name'], ['xds', 'listener_direction'], ['xds', 'route_name'], ['xds', 'filter_chain_name'], ['nothing'],
]

const ofTls: readonly Step[] = ['mtls', 'requested_server_name', 'tls_version', 'subject_local_certificate', 'subject_peer_certificate', 'dns_san_local_certificate', 'dns_san_peer_certificate', 'uri_san_local_certificate', 'uri_san_peer_certificate', 'sha256_peer_certificate_digest', 'peer_certificate', 'termination_details', 'transport_failure_reason'].map((name) => property('connection', name))

const root = authority('Test Root')
const server = root.issue({ dns: ['shop.example'] })
const client = root.issue({ dns: ['client.example', 'other.example'], uris: ['spiffe://test/me'] })
const oneSided: ScenarioTls = { server, serverName: 'shop.example', root: root.cert }
const mutual: Required<ScenarioTls> = { ...oneSided, client }
const ofTlsBehind: readonly Step[] = ['tls_version', 'subject_local_certificate', 'subject_peer_certificate', 'dns_san_local_certificate', 'dns_san_peer_certificate', 'uri_san_local_certificate', 'uri_san_peer_certificate', 'sha256_peer_certificate_digest'].map((name) => property('upstream', name))

const told: readonly TcpScenario[] = [
  { name: 'properties are the same', filters: [guest(Object.fromEntries([...Object.keys(silent), 'on_log'].map((name) => [name, { steps: paths.map((path) => property(...path)) }])), { rootId: 'root' })], connections: [[says('client', 'hello'), hears('endpoint', 'hello'), says('endpoint', 'x'), hears('client', 'x'), ...goodbye]] },
  { name: 'properties of TLS to the endpoint are the same', filters: [guest({ on_new_connection: { steps: ofTlsBehind }, on_downstream_data: { steps: ofTlsBehind }, on_log: { steps: ofTlsBehind } })], connections: [1, 2].map(() => [says('client', 'hello'), hears('endpoint', 'hello'), ...goodbye]), endpointTls: mutual },
  ...[oneSided, mutual].map((tls, i) => ({ name: `properties of TLS are the same, ${i === 0 ? 'without' : 'with'} a certificate of the client`, filters: [guest({ on_downstream_data: { steps: ofTls } })], connections: [[says('client', 'hello'), hears('endpoint', 'hello'), ...goodbye]], tls })),
  { name: 'a new connection over TLS has properties', filters: [guest({ on_new_connection: { steps: ofTls.slice(0, 5) } })], connections: [[says('client', 'hello'), hears('endpoint', 'hello'), ...goodbye]], tls: mutual },
  { name: 'properties are kept alike', filters: [recording({ on_new_connection: { steps: [setProperty(['one'], 'value'), property('one'), property('filter_state', 'wasm.one')] }, on_downstream_data: { steps: [property('one')] }, on_log: { steps: [property('one')] } }), recording({ on_downstream_data: { steps: [property('one')] } })], connections: [clientFirst] },
  { name: 'buffers can be read at the same times', filters: [guest(everywhere([downstream, upstream].flatMap((buffer) => [bytes(buffer), bufferStatus(buffer)])))], connections: [clientFirst] },
  { name: 'buffers can be changed at the same times', filters: [guest(Object.fromEntries(['on_new_connection', 'on_downstream_connection_close', 'on_upstream_connection_close', 'on_log', 'on_done', 'on_delete'].map((name) => [name, { steps: [write(downstream, 0, 0, 'd'), write(upstream, 0, 0, 'u')], ...(name === 'on_done' ? { answer: 1 } : {}) }])))], connections: [clientFirst] },
  { name: 'other host functions answer alike', filters: [recording({ on_downstream_data: { steps: [ifSize(1, goOn(0), goOn(1), goOn(upstream), goOn(4), close(0), close(1), close(4), reply(403, 'no'), add(0, 'a', 'b'), add(2, 'a', 'b'), step('done too early', 'proxy_done', []), step('a context that is none', 'proxy_set_effective_context', [9_999]), write(4, 0, 0, 'x'), bytes(0), bytes(1), bytes(4))] } })], connections: [[says('client', 'x'), noted('on_downstream_data'), ...goodbye]] },
  { name: 'a call outlives its connection', filters: [recording({ on_new_connection: { steps: [callOut('call', 'app', [':method', 'GET', ':path', '/never', ':authority', 'a'], '', 200)] }, on_http_call_response: { steps: [actFor(stream), bytes(downstream)] } })], connections: [[...goodbye, noted('on_http_call_response')]] },
]

const failures: readonly TcpScenario[] = [
  { name: 'a guest that traps at a new connection ends its connections', filters: [recording({ on_new_connection: { steps: [trap] } })], connections: [[hearsEnd('client')], [hearsEnd('client')]], ends: 0 },
  { name: 'a guest that traps at data of the client ends its connections', filters: [recording({ on_downstream_data: { steps: [trap] } })], connections: [[says('client', 'x'), hearsEnd('client'), hearsEnd('endpoint')], [hearsEnd('client')]], ends: 0 },
  { name: 'a guest that traps at data of the endpoint ends its connections', filters: [recording({ on_upstream_data: { steps: [trap] } })], connections: [[says('endpoint', 'x'), hearsEnd('client'), hearsEnd('endpoint')], [hearsEnd('client')]], ends: 0 },
  ...['on_new_connection', 'on_downstream_data'].map((name) => ({ name: `a guest that traps in ${name} lets connections go on if told to`, filters: [recording({ [name]: { steps: [trap] } }, { onFailure: 'open' as const })], connections: [[says('client', 'x'), either(hears('endpoint', 'x'), hearsEnd('client'))], clientFirst], ends: 0 })),
  ...(['closed', 'open'] as const).flatMap((onFailure) => [
    { name: `${onFailure}: a guest that traps in a tick is missed with the next byte of the client`, filters: [recording({ on_new_connection: { steps: [tick(20)] }, on_tick: { steps: [trap] } }, { onFailure })], connections: [[noted('on_tick'), says('client', 'x'), either(hearsEnd('client'), hears('endpoint', 'x'))]], ends: 0 },
    { name: `${onFailure}: a guest that traps in a tick is missed with the next byte of the endpoint`, filters: [recording({ on_new_connection: { steps: [tick(20)] }, on_tick: { steps: [trap] } }, { onFailure })], connections: [[noted('on_tick'), says('endpoint', 'x'), either(hearsEnd('client'), hears('client', 'x'))]], ends: 0 },
  ]),
  { name: 'a guest that traps comes back if told to', filters: [recording({ on_downstream_data: { steps: [ifSize(4, trap)] } }, { onFailure: 'reload' })], connections: [[says('client', 'trap'), hearsEnd('client'), hearsEnd('endpoint')], clientFirst], ends: 0 },
  ...['on_downstream_connection_close', 'on_upstream_connection_close', 'on_done', 'on_log', 'on_delete'].map((name) => ({ name: `a guest that traps in ${name} has ended its connection all the same`, filters: [recording({ [name]: { steps: [trap] } }, { onFailure: 'open' as const })], connections: [clientFirst], ends: 0 })),
]

export const fence: TcpScenario = { name: 'fence', filters: [guest({ on_new_connection: {} })], connections: [] }

export const tcpScenarios: readonly TcpScenario[] = [...ending, ...data, ...stops, ...volumes, ...closing, ...told, ...failures]
