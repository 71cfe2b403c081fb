// What is tried on both proxies.
import { Buffer } from 'node:buffer'
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import path from 'node:path'
import { actFor, add, all, bufferStatus, bytes, callOut, close, expression, foreign, get, goOn, mapSize, message, property, remove, reply, set, setAll, setProperty, write } from './kit/steps.ts'
import { atEnd, recorder, step, stream, trap, word, type Act, type Step } from './kit/recorder.ts'
import type { GuestOptions, Scenario } from './kit/scenario.ts'

const filters = path.join(import.meta.dirname, '..', '..', 'filters')

/** One of ours, as it is shipped. */
const shipped = (name: string, configuration: unknown): GuestOptions => ({ module: path.join(filters, name, `${name}.wasm`), configuration })

const guest = (acts: Readonly<Record<string, Act>>, options: Omit<GuestOptions, 'module'> = {}): GuestOptions => ({ module: recorder(acts), ...options })

const silent: Readonly<Record<string, Act>> = { on_vm_start: {}, on_configure: {}, on_request_headers: {}, on_request_body: {}, on_request_trailers: {}, on_response_headers: {}, on_response_body: {}, on_response_trailers: {} }

/** Properties of a stream that are the same for both proxies, or of which the status is. */
const properties: readonly (readonly string[])[] = [
  ...['path', 'url_path', 'host', 'scheme', 'method', 'headers', 'headers_bytes', 'referer', 'useragent', 'time', 'id', 'protocol', 'query', 'duration', 'size', 'total_size', 'nothing'].map((name) => ['request', name]),
  ['request', 'headers', 'x-a'], ['request', 'headers', 'X-A'], ['request', 'headers', 'x-none'],
  ...['code', 'code_details', 'flags', 'grpc_status', 'headers', 'headers_bytes', 'trailers', 'size', 'total_size', 'backend_latency'].map((name) => ['response', name]),
  ['response', 'headers', 'x-endpoint'], ['response', 'headers', 'content-type'],
  ['source', 'address'], ['source', 'port'], ['destination', 'address'], ['destination', 'port'],
  ...['id', 'mtls', 'requested_server_name', 'tls_version', 'subject_local_certificate', 'subject_peer_certificate', 'dns_san_peer_certificate', 'uri_san_peer_certificate', 'sha256_peer_certificate_digest', 'termination_details', 'transport_failure_reason'].map((name) => ['connection', name]),
  ['connection_id'],
  ...['address', 'port', 'local_address', 'num_endpoints', 'tls_version', 'transport_failure_reason', 'request_attempt_count', 'cx_pool_ready_duration', 'locality'].map((name) => ['upstream', name]),
  ['plugin_name'], ['plugin_root_id'], ['plugin_vm_id'], ['node'], ['node', 'id'], ['node', 'cluster'], ['node', 'metadata', 'NAME'],
  ['cluster_name'], ['cluster_metadata'], ['listener_direction'], ['listener_metadata'], ['route_name'], ['route_metadata'], ['upstream_host_metadata'],
  ['xds', 'node', 'id'], ['xds', 'cluster_name'], ['xds', 'cluster_metadata'], ['xds', 'listener_direction'], ['xds', 'route_name'], ['xds', 'route_metadata'], ['xds', 'virtual_host_name'], ['xds', 'filter_chain_name'],
  ['metadata'], ['filter_state', 'nothing'], ['nothing'], ['nothing', 'at', 'all'], ['request'], ['request', 'path', 'deeper'],
]

const read: readonly Step[] = properties.map((path) => property(...path))

/** Every map and buffer, read where it is and where it is not. */
const everything: readonly Step[] = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((type) => [all(type), get(type, 'x-a'), mapSize(type), bytes(type), bufferStatus(type)])

/** Every map and buffer, written where that may be and where it may not. */
const writes: readonly Step[] = [0, 1, 2, 3, 6].flatMap((type) => [add(type, 'x-add', '1'), set(type, 'x-set', '1'), remove(type, 'x-gone'), write(type, 0, 0, '')])

const everywhere = (steps: readonly Step[]): Readonly<Record<string, Act>> => Object.fromEntries([...Object.keys(silent), 'on_log', 'on_done', 'on_delete'].map((name) => [name, { steps, ...(name === 'on_done' ? { answer: 1 } : {}) }]))

const plain = { path: '/a?b=c', headers: { 'X-A': 'one', 'x-gone': '1', referer: 'r', 'user-agent': 'u' } }
const withBody = { ...plain, body: 'hello' }
const withTrailers = { ...plain, path: '/trailers', body: 'hello', trailers: { 'x-a': 'trailer' } }

const calling = [':method', 'POST', ':path', '/called?x', ':authority', 'auth.example', 'X-Upper', 'U']

/** A request whose head waits until the guest's call is answered. */
const paused = (call: Step, steps: readonly Step[], more: Readonly<Record<string, Act>> = {}): GuestOptions =>
  guest({ on_request_headers: { steps: [call], answer: 1 }, on_request_body: {}, on_http_call_response: { steps: [all(6), get(6, ':status'), get(6, 'X-Endpoint'), all(7), bytes(4), step('status of the call', 'proxy_get_status', [4_000], 'bytes'), actFor(stream), ...steps] }, on_response_headers: {}, ...more })

const changes: readonly Scenario[] = [
  {
    name: 'fields of requests are changed alike',
    filters: [guest({ on_request_headers: { steps: [get(0, 'X-A'), get(0, 'x-twice'), add(0, 'X-Twice', 'three'), get(0, 'x-twice'), set(0, 'x-a', 'changed'), remove(0, 'X-GONE'), get(0, 'x-gone'), set(0, ':path', '/changed?d=e'), set(0, ':method', 'PUT'), set(0, ':authority', 'other.example'), get(0, 'host'), get(0, ':authority'), set(0, 'x-empty', ''), get(0, 'x-empty'), all(0), property('request', 'path'), property('request', 'host'), property('request', 'method')] } })],
    requests: [{ ...plain, headers: { ...plain.headers, 'x-twice': ['one', 'two'] } }, withBody],
  },
  { name: 'all fields of a request are replaced alike', filters: [guest({ on_request_headers: { steps: [setAll(0, [':method', 'GET', ':path', '/all', ':authority', 'all.example', ':scheme', 'http', 'x-forwarded-proto', 'http', 'X-Only', 'this', 'x-only', 'that']), all(0)] } })], requests: [plain] },
  { name: 'fields of responses are changed alike', filters: [guest({ on_response_headers: { steps: [get(2, ':status'), get(2, 'x-endpoint'), set(2, ':status', '218'), set(2, 'X-Endpoint', 'guest'), add(2, 'x-more', '1'), add(2, 'x-more', '2'), remove(2, 'content-type'), all(2)] } })], requests: [plain, { path: '/length' }] },
  { name: 'trailers are changed alike', filters: [guest({ on_request_trailers: { steps: [set(1, 'x-a', 'changed'), add(1, 'x-b', '2'), all(1)] }, on_response_trailers: { steps: [get(3, 'x-sum'), set(3, 'x-sum', '43'), add(3, 'x-b', '2'), all(3)] } })], requests: [withTrailers] },
  { name: 'trailers are made alike', filters: [guest({ on_response_headers: { steps: [remove(2, 'content-length')] }, on_response_body: { steps: [atEnd(add(3, 'x-made', '1'), all(3))] } })], requests: [plain] },
]

const bodies: readonly Scenario[] = [
  {
    name: 'bodies are gathered and replaced alike',
    filters: [guest({
      on_request_headers: { steps: [remove(0, 'content-length')] },
      on_request_body: { steps: [atEnd(bufferStatus(0), bytes(0), bytes(0, 1, 2), bytes(0, 99, 1), write(0, 0, 0, 'before '), write(0, 99, 0, ' after'), write(0, 0, 3, 'B'), write(0, 1, 1, 'no'), bytes(0))], answer: { more: 1, last: 0 } },
      on_response_headers: { steps: [remove(2, 'content-length')] },
      on_response_body: { steps: [atEnd(bytes(1), write(1, 0, -1, 'replaced'), bytes(1))], answer: { more: 1, last: 0 } },
    })],
    requests: [withBody, plain, { path: '/length', body: 'hello' }],
  },
  { name: 'bodies are dropped alike', filters: [guest({ on_request_headers: { steps: [remove(0, 'content-length')] }, on_request_body: { steps: [write(0, 0, -1, '')] }, on_response_headers: { steps: [remove(2, 'content-length')] }, on_response_body: { steps: [write(1, 0, -1, '')] } })], requests: [withBody] },
  { name: 'a body is held back and let go alike', filters: [guest({ on_request_body: { answer: { more: 2, last: 0 } }, on_response_body: { answer: { more: 2, last: 0 } } })], requests: [withBody, { path: '/length' }] },
]

/** Until the answer to a call is there. */
const called = callOut('call', 'app', calling)
const letGo: Act = { steps: [actFor(stream), add(0, 'x-called', '1'), goOn(0)] }

const stops: readonly Scenario[] = [
  ...[3, 4, 5].map((answer) => ({ name: `answer ${answer} to a head stops it`, filters: [guest({ on_request_headers: { steps: [called], answer }, on_request_body: {}, on_http_call_response: letGo })], requests: [plain, withBody] })),
  { name: 'a body that is held until a call is answered is changed alike', filters: [guest({ on_request_headers: { steps: [remove(0, 'content-length')] }, on_request_body: { steps: [atEnd(called)], answer: 1 }, on_http_call_response: { steps: [actFor(stream), bytes(0), write(0, 0, 2, 'HE'), bytes(0), goOn(0)] } })], requests: [withBody] },
  { name: 'the head of a response that is held until a call is answered is changed alike', filters: [guest({ on_response_headers: { steps: [called], answer: 1 }, on_response_body: {}, on_http_call_response: { steps: [actFor(stream), get(2, ':status'), add(2, 'x-called', '1'), goOn(1)] } })], requests: [plain, { path: '/length' }] },
  { name: 'a head may stop while its body is looked at', filters: [guest({ on_request_headers: { steps: [remove(0, 'content-length')], answer: 1 }, on_request_body: { steps: [atEnd(bytes(0), add(0, 'x-looked', '1'))], answer: { more: 1, last: 0 } } }, { allowOnHeadersStopIteration: true })], requests: [withBody] },
  { name: 'guests of the oldest ABI find missing fields empty', filters: [{ module: recorder({ on_request_headers: { steps: [get(0, 'x-none'), get(0, 'x-a'), add(0, 'x-b', '1')] }, on_request_body: {}, on_response_headers: { steps: [get(2, 'x-none')] } }, '0_1_0') }], requests: [plain, withBody] },
  { name: 'guests of 0.2.0 find missing fields missing', filters: [{ module: recorder({ on_request_headers: { steps: [get(0, 'x-none')] } }, '0_2_0') }], requests: [plain] },
]

const heads: readonly Scenario[] = [0, 2].map((answer) => ({ name: `answer ${answer} to a head lets it go`, filters: [guest({ on_request_headers: { answer }, on_request_body: {}, on_response_headers: { answer }, on_response_body: {} })], requests: [plain, withBody] }))

const replies: readonly Scenario[] = [
  { name: 'a reply to a head is the same', filters: [guest({ on_request_headers: { steps: [reply(403, 'not you', ['X-Why', 'because', 'x-why', 'again'], -1, 'my details'), reply(404, 'second')], answer: 1 }, on_request_body: {}, on_response_headers: { steps: [all(2), property('response', 'code'), property('response', 'code_details')] }, on_response_body: { steps: [bytes(1)] }, on_log: { steps: [property('response', 'code'), property('response', 'code_details'), property('response', 'flags')] } })], requests: [plain, withBody, { method: 'HEAD' }] },
  { name: 'a reply whose guest says to go on is one all the same', filters: [guest({ on_request_headers: { steps: [reply(401)] }, on_response_headers: { steps: [all(2)] } })], requests: [plain] },
  { name: 'a reply has the content type that the guest gives it', filters: [guest({ on_request_headers: { steps: [reply(200, '{}', ['content-type', 'application/json', 'content-length', '99'])], answer: 1 } })], requests: [plain] },
  { name: 'a reply to a body is the same', filters: [guest({ on_request_body: { steps: [atEnd(reply(413, 'too much'))], answer: 1 }, on_response_headers: { steps: [all(2)] } })], requests: [withBody] },
  { name: 'a reply to a response takes its place', filters: [guest({ on_response_headers: { steps: [reply(500, 'no response', ['x-b', '1'])], answer: 1 }, on_response_body: {} })], requests: [plain, { path: '/length' }] },
  { name: 'a reply to somebody who speaks gRPC is the same', filters: [guest({ on_request_headers: { steps: [reply(403, 'not you', ['x-why', 'b'], 7)], answer: 1 } })], requests: [{ headers: { 'content-type': 'application/grpc' }, body: '' }, plain] },
  { name: 'a reply without a status of gRPC is mapped alike', filters: [guest({ on_request_headers: { steps: [reply(401, '% of \u00fc')], answer: 1 } })], requests: [{ headers: { 'content-type': 'application/grpc' }, body: '' }] },
  { name: 'a reply of a guest passes the guest before it', filters: [guest({ on_response_headers: { steps: [get(2, ':status'), add(2, 'x-before', '1')] } }), guest({ on_request_headers: { steps: [reply(403)], answer: 1 } })], requests: [plain] },
  { name: 'replies of odd statuses are the same', filters: [guest({ on_request_headers: { steps: [reply(204)], answer: 1 } })], requests: [plain] },
]

const calls: readonly Scenario[] = [
  { name: 'a call is answered, and the request goes on', filters: [paused(callOut('call', 'app', calling, 'hi', 5_000, ['x-t', '1']), [get(0, ':path'), add(0, 'x-called', '1'), goOn(0), goOn(0), get(0, ':path')])], requests: [plain, withBody] },
  { name: 'a call is answered, and the guest replies', filters: [paused(callOut('call', 'app', calling), [reply(403, 'said the other')])], requests: [plain, withBody] },
  { name: 'a call to somebody who does not answer ends in time', filters: [paused(callOut('call', 'app', [':method', 'GET', ':path', '/never', ':authority', 'a'], '', 50), [goOn(0)])], requests: [plain] },
  { name: 'a call to a closed port is answered', filters: [paused(callOut('call', 'closed', calling), [goOn(0)])], requests: [plain] },
  { name: 'a call whose connection breaks is answered', filters: [paused(callOut('call', 'app', [':method', 'POST', ':path', '/cut', ':authority', 'a']), [goOn(0)])], requests: [plain] },
  { name: 'calls that cannot be are refused alike', filters: [guest({ on_request_headers: { steps: [callOut('no such service', 'nobody', calling), callOut('no method', 'app', [':path', '/', ':authority', 'a']), callOut('no path', 'app', [':method', 'GET', ':authority', 'a']), callOut('no authority', 'app', [':method', 'GET', ':path', '/']), callOut('a time below nothing', 'app', calling, '', -1), step('no gRPC service', 'proxy_grpc_call', ['nobody', 's', 'm', '', '', 100, 4_000]), step('send to no call', 'proxy_grpc_send', [98, 'x', 0]), step('cancel no call', 'proxy_grpc_cancel', [98]), step('close no call', 'proxy_grpc_close', [97])] } })], requests: [plain] },
]

const metric = (label: string, type: number, name: string, by: number, most: number): Step[] => [
  step(`define ${label}`, 'proxy_define_metric', [type, name, 16]),
  step(`increment ${label}`, 'proxy_increment_metric', [word, by]), step(`increment ${label} again`, 'proxy_increment_metric', [word, by]), step(`decrement ${label}`, 'proxy_increment_metric', [word, -1]),
  step(`get ${label}`, 'proxy_get_metric', [word], 'long'), step(`record ${label}`, 'proxy_record_metric', [word, most]), step(`get ${label} again`, 'proxy_get_metric', [word], 'long'),
]

const tools: readonly Scenario[] = [
  { name: 'metrics are counted alike', filters: [guest({ on_request_headers: { steps: [...metric('counter', 0, 'a_counter', 2, 5), ...metric('gauge', 1, 'a_gauge', 3, 7), ...metric('histogram', 2, 'a_histogram', 1, 9), step('a type that is none', 'proxy_define_metric', [3, 'x', 4_000]), ...[4_000, 4_001, 4_002, 4_003].flatMap((id) => [step(`increment ${id}`, 'proxy_increment_metric', [id, 1]), step(`record ${id}`, 'proxy_record_metric', [id, 1]), step(`get ${id}`, 'proxy_get_metric', [id], 'long')])] } })], requests: [plain] },
  {
    name: 'data and queues are shared alike',
    filters: [guest({
      on_request_headers: {
        steps: [
          step('get nothing', 'proxy_get_shared_data', ['none', 16, 20, 4_000]), step('set', 'proxy_set_shared_data', ['k', 'value', 0]), step('get', 'proxy_get_shared_data', ['k', 16, 20, 4_000]),
          step('set with a wrong number', 'proxy_set_shared_data', ['k', 'other', 123_456]), step('set a new one with a number', 'proxy_set_shared_data', ['new', 'x', 77]),
          step('resolve nothing', 'proxy_resolve_shared_queue', ['v', 'none'], 'word'), step('enqueue nowhere', 'proxy_enqueue_shared_queue', [9_999, 'x']), step('dequeue nowhere', 'proxy_dequeue_shared_queue', [9_999], 'bytes'),
          step('register', 'proxy_register_shared_queue', ['q', 3_000]), step('dequeue nothing', 'proxy_dequeue_shared_queue', [{ wat: '(i32.load (i32.const 3000))' }], 'bytes'),
          step('enqueue', 'proxy_enqueue_shared_queue', [{ wat: '(i32.load (i32.const 3000))' }, 'message']), step('dequeue', 'proxy_dequeue_shared_queue', [{ wat: '(i32.load (i32.const 3000))' }], 'bytes'),
        ],
      },
    })],
    requests: [plain],
  },
  {
    name: 'other host functions answer alike',
    filters: [guest({
      on_request_headers: {
        steps: [
          step('log at no level', 'proxy_log', [6, 'x']), step('a context that is none', 'proxy_set_effective_context', [9_999]), step('done too early', 'proxy_done', []),
          goOn(4), close(4), get(8, 'x'), all(8), mapSize(8), bytes(9), bufferStatus(9), write(9, 0, 0, 'x'), write(8, 0, 0, 'x'), write(4, 0, 0, 'x'),
          setProperty(['kept', 'here'], 'value'), property('kept', 'here'), property('kept.here'), property('filter_state', 'wasm.kept.here'), property('filter_state', 'kept.here'), setProperty(['kept', 'here'], 'again'), property('kept.here'), setProperty(['one'], 'value'), property('one'), property('filter_state', 'wasm.one'), property('filter_state', 'one'), setProperty(['one'], 'again'), property('one'), setProperty(['two.parts'], 'value'), property('two.parts'), property('two', 'parts'),
        ],
      },
    })],
    requests: [plain],
  },
  { name: 'continue 3 is answered alike', filters: [guest({ on_request_headers: { steps: [goOn(3)] } })], requests: [plain] },
  { name: 'the environment is the same', filters: [guest({}, { environment: { KEY: 'value' } })], requests: [plain] },
]

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const publicDer = publicKey.export({ format: 'der', type: 'spki' })
const privateDer = privateKey.export({ format: 'der', type: 'pkcs8' })
const signature = sign('sha256', Buffer.from('words'), privateKey)
const ec = createPrivateKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }))
const verify = (label: string, fields: Parameters<typeof message>[0]): Step => foreign('verify_signature', message(fields), label)

const expressions = [
  'request.path', 'request.path == "/a?b=c" && request.method == "GET"', 'request.headers["x-a"]', 'request.headers["x-none"]', 'request.size', 'request.size + 1', '1.5', '7u', 'b"bytes"', '[1, 2].exists(n, n == 2)', '["a", "b"]', '{"a": "b"}', 'duration("2s")', 'timestamp("2020-01-01T00:00:00Z")',
  'has(request.nothing)', 'request.nothing', 'nothing', 'nothing.at.all', 'request.path + 1', '1 / 0', 'null', 'plugin_name', 'size(request.path)', 'request.path.startsWith("/a")', 'request.path.contains("?") ? "query" : "none"', '[1, 2, 3].filter(n, n > 1).map(n, n * 2)', 'type(1)', 'string(request.size)', 'request.headers.size() > 3', 'request.time > timestamp("2020-01-01T00:00:00Z")', 'response.code', 'source.address == request.path', '"a" in ["a"]', '"x-a" in request.headers',
]

const named: readonly Scenario[] = [
  { name: 'functions by name answer alike', filters: [guest({ on_request_headers: { steps: [foreign('nothing', ''), foreign('uncompress', 'no zlib'), foreign('compress', ''), foreign('clear_route_cache', ''), ...['set_envoy_filter_state', 'declare_property', 'verify_signature', 'sign'].flatMap((name) => ['garbage', '\xff', '\x0a\x05ab', '\x0a\x01\xff', ''].map((bytes) => foreign(name, bytes)))] } })], requests: [plain] },
  { name: 'properties are declared alike', filters: [guest({ on_configure: { steps: [foreign('declare_property', message([[1, 'once'], [2, true]]), 'declare once'), foreign('declare_property', message([[1, 'once']]), 'declare it again'), foreign('declare_property', message([[1, 'often']]), 'declare often')], answer: 1 }, on_request_headers: { steps: ['once', 'often'].flatMap((name) => [setProperty([name], '1'), setProperty([name], '2'), property(name)]) } })], requests: [plain] },
  { name: 'state of filters is kept alike', filters: [guest({ on_request_headers: { steps: [foreign('set_envoy_filter_state', message([[1, 'envoy.string'], [2, 'kept']]), 'keep a text'), property('filter_state', 'envoy.string'), foreign('set_envoy_filter_state', message([[1, 'nothing'], [2, 'kept']]), 'keep nothing that there is')] } })], requests: [plain] },
  {
    name: 'signatures are made and verified alike',
    filters: [guest({
      on_request_headers: {
        steps: [
          verify('right', [[1, 'sha256'], [2, publicDer], [3, signature], [4, 'words']]), verify('right, as PEM', [[1, 'SHA256'], [5, publicKey.export({ format: 'pem', type: 'spki' })], [3, signature], [4, 'words']]), verify('wrong', [[1, 'sha256'], [2, publicDer], [3, signature], [4, 'other']]), verify('of another hash', [[1, 'sha1'], [2, publicDer], [3, signature], [4, 'words']]),
          verify('of no hash', [[1, 'md5'], [2, publicDer], [3, signature], [4, 'words']]), verify('no key', [[1, 'sha256'], [3, signature], [4, 'words']]), verify('two keys', [[1, 'sha256'], [2, publicDer], [5, publicKey.export({ format: 'pem', type: 'spki' })]]), verify('a key that is none', [[1, 'sha256'], [2, 'key']]), verify('a private key', [[1, 'sha256'], [5, privateKey.export({ format: 'pem', type: 'pkcs8' })]]),
          foreign('sign', message([[1, 'sha256'], [2, privateDer], [3, 'words']]), 'sign'), foreign('sign', message([[1, 'sha256'], [4, privateKey.export({ format: 'pem', type: 'pkcs8' })], [3, 'words']]), 'sign with PEM'), foreign('sign', message([[1, 'md5'], [2, privateDer], [3, 'words']]), 'sign with no hash'), foreign('sign', message([[1, 'sha256'], [2, publicDer]]), 'sign with a public key'), foreign('sign', message([[1, 'sha256'], [2, 'key']]), 'sign with a key that is none'), foreign('sign', message([[1, 'md5'], [2, 'key']]), 'sign with neither'), verify('neither', [[1, 'md5'], [2, 'key']]), foreign('sign', message([[1, 'sha256'], [2, ec.export({ format: 'der', type: 'pkcs8' })], [3, 'words']]), 'sign with EC'),
        ],
      },
    })],
    requests: [plain],
  },
  { name: 'expressions have the same values', filters: [guest({ on_request_headers: { steps: [...expressions.flatMap((text, i) => expression(i, text)), foreign('expr_create', 'a b'), foreign('expr_create', '"\xff"'), foreign('expr_create', ''), foreign('expr_evaluate', 'x'), foreign('expr_evaluate', '\xff\xff\xff\xff'), foreign('expr_delete', 'x'), foreign('expr_delete', '\xff\xff\xff\xff'), foreign('expr_delete', '\0\0\0\0'), foreign('expr_evaluate', '\0\0\0\0')] } })], requests: [plain] },
]

const failures: readonly Scenario[] = [
  { name: 'a guest that traps closes its exchanges', filters: [guest({ on_request_headers: { steps: [trap] } })], requests: [plain, plain], ends: 0 },
  { name: 'a guest that traps at a response closes its exchanges', filters: [guest({ on_response_headers: { steps: [trap] } })], requests: [plain, plain], ends: 0 },
  { name: 'a guest that traps lets its exchanges go on if told to', filters: [guest({ on_request_headers: { steps: [trap] }, on_request_body: {} }, { onFailure: 'open' })], requests: [withBody, plain], ends: 0 },
  { name: 'a stream is closed', filters: [guest({ on_request_headers: { steps: [close(0)], answer: 1 } })], requests: [plain] },
]

const ours: readonly Scenario[] = [
  { name: 'ab-test', filters: [shipped('ab-test', { variants: [{ name: 'blue', weight: 1 }] })], requests: [plain, { ...plain, headers: { cookie: 'ab=blue' } }] },
  { name: 'api-key', filters: [shipped('api-key', { keys: [{ identity: 'alice', key: 'alice-alice-alice' }] })], requests: [plain, { headers: { 'x-api-key': 'guess' } }, { headers: { 'x-api-key': 'alice-alice-alice' }, body: 'hello' }, { path: '/?api_key=alice-alice-alice' }] },
  { name: 'header-rewrite', filters: [shipped('header-rewrite', { request: { remove: ['x-gone'], set: { 'x-all': '{method} {path} {pathname} {query} {authority} {scheme} {header:X-A} {query:b}' }, append: { 'x-a': 'appended' } }, response: { set: { 'x-told': '{status} {path} {response:content-type}' }, remove: ['x-endpoint'], append: { vary: 'accept' } } })], requests: [plain, withBody, { path: '/missing' }, { path: '/empty' }] },
  { name: 'jwt-claims', filters: [shipped('jwt-claims', { secretBase64: 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA==', claims: { sub: 'x-user' } })], requests: [plain, { headers: { authorization: 'Bearer a.b.c' } }] },
  { name: 'pii-mask', filters: [shipped('pii-mask', { request: true })], requests: [{ path: '/html' }, { headers: { 'content-type': 'text/plain' }, body: 'mail to bob@example.org, now' }, { path: '/length' }, { path: '/trailers' }] },
  { name: 'request-guard', filters: [shipped('request-guard', { methods: ['GET', 'POST'], denyPaths: ['/admin/*'], denyHeaders: { 'user-agent': ['*sqlmap*'] }, maxBodyBytes: 10 })], requests: [plain, { method: 'PUT' }, { path: '/admin/x' }, { headers: { 'user-agent': 'sqlmap/1' } }, { body: 'hello' }, { body: 'hello, hello' }, { body: 'hello, hello', trailers: { 'x-t': '1' } }] },
  { name: 'security-headers', filters: [shipped('security-headers', { contentSecurityPolicy: "default-src 'self'" })], requests: [plain, { path: '/missing' }, { path: '/html' }, { path: '/empty' }] },
  { name: 'token-bucket', filters: [shipped('token-bucket', { requests: 2, windowMs: 600_000 })], requests: [plain, plain, plain] },
  { name: 'several shipped filters', filters: [shipped('security-headers', undefined), shipped('request-guard', { methods: ['GET', 'POST'] }), shipped('header-rewrite', { request: { set: { 'x-who': '{path}' } } }), shipped('pii-mask', { request: true })].map((one, i) => ({ ...one, vmId: `shipped-${i}` })), requests: [plain, { headers: { 'content-type': 'text/plain' }, body: 'mail to bob@example.org' }, { method: 'PUT' }] },
]

export const scenarios: readonly Scenario[] = [
  { name: 'callbacks come in the same order', filters: [guest(silent)], requests: [plain, withBody, withTrailers, { path: '/length', method: 'HEAD' }, { path: '/empty' }, { path: '/missing' }, { body: '' }] },
  { name: 'two guests are asked in the same order', filters: [guest(silent), guest(silent)], requests: [plain, withBody, withTrailers] },
  { name: 'maps and buffers can be read at the same times', filters: [guest(everywhere(everything), { configuration: 'plugin configuration', vmConfiguration: 'VM configuration' })], requests: [plain, withBody, withTrailers] },
  { name: 'maps and buffers can be changed at the same times', filters: [guest(everywhere(writes))], requests: [plain, withBody, withTrailers] },
  { name: 'properties are the same', filters: [guest(Object.fromEntries(['on_configure', 'on_request_headers', 'on_request_body', 'on_response_headers', 'on_log'].map((name) => [name, { steps: read }])), { rootId: 'root' })], requests: [withBody] },
  ...changes,
  ...bodies,
  ...heads,
  ...stops,
  ...replies,
  ...calls,
  ...tools,
  ...named,
  ...failures,
  ...ours,
]
