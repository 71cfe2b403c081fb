// Every deliberate difference between Envoy and Meshwright, with its reason.

/** Header fields that are not compared. */
export const fieldsThatDiffer: ReadonlyMap<string, string> = new Map([
  ['connection', 'each proxy manages its own connections; ours hides the field from guests'],
  ['keep-alive', 'as connection'],
  ['transfer-encoding', 'framing is chosen anew on each side, and hidden from guests; that the body is whole is compared instead'],
  ['content-length', 'the same: a message that a guest may change is chunked here, while Envoy trusts the guest to remove the length'],
  ['trailer', 'announced by the endpoint: a hint about framing'],
  ['date', 'the time'],
  ['via', 'RFC 9110 asks proxies for it; Envoy sends it only when told to'],
  ['x-request-id', 'made by us, and switched off in Envoy, where it would be random'],
  ['x-forwarded-for', 'Envoy replaces a loopback address by one of the machine'],
  ['x-forwarded-host', 'only ours'],
  ['x-forwarded-proto', 'both send it; not every guest of the scenarios keeps it'],
  ['x-envoy-external-address', 'only Envoy'],
  ['x-envoy-upstream-service-time', 'only Envoy, and it cannot be switched off for calls'],
])

const properties = (prefix: string, names: readonly string[]): string[] => names.map((name) => `property ${prefix}${name}`)

/** Steps whose values depend on time, on ports or on what the fields above add: their status is compared, and whether there is a value. */
export const valuesThatDiffer: ReadonlySet<string> = new Set([
  ...properties('request.', ['headers', 'headers_bytes', 'total_size', 'time', 'duration']),
  ...properties('response.', ['headers', 'headers_bytes', 'total_size', 'backend_latency']),
  ...properties('', ['source.address', 'source.port', 'destination.address', 'destination.port', 'connection.id', 'connection_id', 'upstream.address', 'upstream.port', 'upstream.local_address', 'upstream.cx_pool_ready_duration', 'xds.node.id']),
  'sign with EC',
  ...['request', 'request trailers', 'response', 'response trailers'].map((map) => `size of ${map}`),
])

/** Lines of the record, as kit/lines.ts makes them. */
export interface Difference {
  /** The scenario it shows in. Default: any. */
  readonly in?: string
  /** A line of Envoy; alone: Meshwright has no such line. */
  readonly envoy?: RegExp
  /** The line in its place; alone: Envoy has no such line. */
  readonly meshwright?: RegExp
  readonly why: string
}

const order = 'Envoy tells all guests of the log first, and then all of the end; here each guest has both together'
const orders: readonly Difference[] = ['two guests are asked in the same order', 'a reply of a guest passes the guest before it'].flatMap((scenario) => [
  { in: scenario, envoy: /^on_(?:log|done|delete)$/, why: order },
  { in: scenario, meshwright: /^on_(?:log|done|delete)$/, why: order },
])

const lazy = 'a guest is told of a stream when it has something to do for it; Envoy tells it when the request passes'
const lazies: readonly Difference[] = [
  { in: 'a reply of a guest passes the guest before it', envoy: /^on_context_create$/, why: lazy },
  { in: 'a reply of a guest passes the guest before it', meshwright: /^on_context_create$/, why: lazy },
]

const kept = 'heads and trailers can be read until the end, not only until they are sent: a safe superset'
const reading: readonly Difference[] = [
  { envoy: /^ {2}all of (?:request|response)(?: trailers)? = 0 \[\]$/, meshwright: /^ {2}all of .* = 0 \[".*\]$/, why: kept },
  { envoy: /^ {2}get (?:request|response)(?: trailers)? \S+ = [12]$/, meshwright: /^ {2}get .* = 0 /, why: kept },
  { envoy: /^ {2}size of (?:request|response)(?: trailers)? = 2$/, meshwright: /^ {2}size of .* = 0/, why: kept },
  { envoy: /^ {2}get .* = 2$/, meshwright: /^ {2}get .* = 1$/, why: 'after the log, what is not there is still not found (1); guests made with the Rust SDK die of a bad argument (2)' },
  { envoy: /^ {2}get request trailers x-a = 1$/, meshwright: / = 2$/, why: 'Envoy makes trailers when somebody asks for the size of those of a message that ends, and finds them empty from then on' },
  { envoy: /^ {2}size of (?:request|response) trailers = 0 /, meshwright: / = 2$/, why: 'the same' },
  { envoy: /^ {2}(?:bytes|status) of buffer 7.* = 1$/, meshwright: / = 0/, why: 'the configuration of the plugin can be read at any time' },
  { envoy: /^ {2}bytes of buffer 8.* = 0 "(?:VM|plugin) configuration"$/, meshwright: / = 0 ""$/, why: 'the argument of a foreign function is not the configuration, where Envoy keeps both in one place' },
]

const writing: readonly Difference[] = [
  { envoy: /^ {2}(?:add|set|remove) (?:request|response) trailers \S+ = 0$/, meshwright: / = 2$/, why: 'trailers that have gone cannot be changed; Envoy says that they were' },
  { in: 'maps and buffers can be changed at the same times', meshwright: /^endpoint 1 trailer x-(?:add|set): 1$/, why: 'trailers that a guest adds make a message chunked; Envoy drops them from one that has a length' },
]

const before = "guests written for older versions of Envoy read these names; this version has them under `xds.` only"
const attributes: readonly Difference[] = [
  { envoy: /^ {2}property (?:node|node\..*|listener_direction|route_name|cluster_name|upstream_host_metadata) = 1$/, meshwright: / = 0 /, why: before },
  { envoy: /^ {2}property request\.(?:path|url_path|host|scheme|method|referer|useragent|query|headers\.x-a|headers\.X-A) = 1$/, meshwright: / = 0 /, why: kept },
  { envoy: /^ {2}property request\.id = 1$/, meshwright: / = 0 /, why: 'Envoy was told to make none' },
  { envoy: /^ {2}property response\.backend_latency = 1$/, meshwright: / = 0 /, why: 'known with the head of the response; in Envoy only with its end' },
  { envoy: /^ {2}property (?:upstream\.num_endpoints|xds\.cluster_name) = 0 /, meshwright: / = 1$/, why: 'the service is chosen when the filters have seen the request' },
  { envoy: /^ {2}property upstream\.(?:local_address|cx_pool_ready_duration) = 0 /, meshwright: / = 1$/, why: 'the mesh does not keep it' },
  { envoy: /^ {2}property xds\.filter_chain_name = 0 ""$/, meshwright: / = 0 "127/, why: 'the name of the listener stands for it' },
  { envoy: /^ {2}property request = 3$/, meshwright: / = 1$/, why: 'a group of attributes is no property; Envoy cannot put it into bytes' },
  { envoy: /^ {2}property response\.code_details = 0 ""$/, meshwright: / = 0 "my_details"$/, why: 'this version of Envoy loses what a guest gives as the details of its reply' },
  { envoy: /^ {2}property (?:kept\.here|filter_state\.(?:wasm\.)?kept\.here) = 1$/, meshwright: / = 0 /, why: 'a name of several segments is kept by its dots; Envoy keeps it by its NULs, and never finds it again' },
  { envoy: /^ {2}property (?:filter_state\.one|two\.parts) = 1$/, meshwright: / = 0 /, why: 'the same: segments and dots are one, and what guests keep needs no `wasm.` before it' },
]

const reason = 'errors of the mesh are told in its own words'
const called: readonly Difference[] = [
  { envoy: /^ {2}all of call = 0 \[":status: 50[34]","content-type: text\/plain"\]$/, meshwright: /^ {2}all of call = 0 \[":status: 50[34]"\]$/, why: reason },
  { envoy: /^ {2}bytes of buffer 4 from 0, -1 = 0 "upstream /, meshwright: / = 0 ""$/, why: reason },
]
const broken = 'a call whose connection breaks has no answer, as the ABI says; Envoy makes a 503 of it while there is no head'
const brokenCalls: readonly Difference[] = [
  { in: 'a call whose connection breaks is answered', envoy: /^ {2}all of call = 0 \[":status: 503",/, meshwright: / = 0 \[\]$/, why: broken },
  { in: 'a call whose connection breaks is answered', envoy: /^ {2}get call :status = 0 "503"$/, meshwright: / = 1$/, why: broken },
  { in: 'a call whose connection breaks is answered', envoy: /^ {2}status of the call = 0 ""$/, meshwright: / = 0 "reset"$/, why: broken },
]

const problem = 'an exchange that fails is answered with a problem document that names the error; Envoy has no body'
const open = 'with `open`, the exchange in which a guest fails goes on with every byte; Envoy fails that one'
const failing: readonly Difference[] = [
  { envoy: /^answer \d body $/, meshwright: /^answer \d body \{"type":"about:blank","title":"A WASM filter failed",/, why: problem },
  { meshwright: /^answer \d field content-type: application\/problem\+json$/, why: problem },
  { in: 'a guest that traps lets its exchanges go on if told to', envoy: /^(?:answer|endpoint) \d/, why: open },
  { in: 'a guest that traps lets its exchanges go on if told to', meshwright: /^(?:answer|endpoint) \d/, why: open },
  { in: 'a stream is closed', envoy: /^answer 0: 0, cut$/, meshwright: /^answer 0: 503$/, why: 'a client is told as long as nothing has been sent; Envoy cuts the connection' },
  { in: 'a stream is closed', envoy: /^answer 0 body $/, meshwright: /MESH_WASM_CLOSED/, why: problem },
]

const stopping: readonly Difference[] = [
  { in: 'a head may stop while its body is looked at', envoy: /^on_request_body 10 1$/, meshwright: /^on_request_body 5 1$/, why: 'the body is read whole before the guest is asked, and handed over in one piece; Envoy shows what has come so far, and then the whole' },
]

const shipped: readonly Difference[] = [
  { in: 'pii-mask', envoy: /^answer 3 body with $/, meshwright: /^answer 3 body with trailers$/, why: 'Envoy does not tell a guest without a callback for trailers of the end of a body that has some, so a masker that waits for the rest of a word loses it; here it is told' },
]

export const differences: readonly Difference[] = [...orders, ...lazies, ...reading, ...writing, ...attributes, ...called, ...brokenCalls, ...failing, ...stopping, ...shipped]

const always = 'a guest is told that the endpoint is gone however that came; Envoy tells only of an endpoint that has ended its side'
const brokenOff = 'whatever fails breaks both sides off, so that nobody takes a part for the whole; Envoy ends them in peace'

/** The same for connections. */
export const tcpDifferences: readonly Difference[] = [
  ...['a client that breaks off is told of alike', 'an endpoint that breaks off is told of alike', 'a client breaks off while its bytes are stopped', 'a guest closes what it has stopped', 'a guest closes at the end of the client', ...[2, 3].flatMap((type) => ['data of the client', 'data of the client that go on', 'data of the endpoint'].map((what) => `a guest closes ${type} at ${what}`))].map((name) => ({ in: name, meshwright: /^on_upstream_connection_close 0$/, why: always })),
  ...['an answer closes', 'bytes of the client close', 'bytes of the endpoint close', 'a client breaks off'].map((name) => ({ in: `the SDK: ${name}`, meshwright: /^endpoint closed 0$/, why: always })),
  ...['an endpoint that cannot be reached is told of alike', 'a guest that traps at a new connection ends its connections', 'a guest that traps at data of the client ends its connections', 'a guest that traps at data of the endpoint ends its connections', 'a guest that traps comes back if told to', 'closed: a guest that traps in a tick is missed with the next byte of the client', 'closed: a guest that traps in a tick is missed with the next byte of the endpoint'].map((name) => ({ in: name, envoy: /^(?:client|endpoint) \d: "", end$/, meshwright: / reset$/, why: brokenOff })),
  ...['a guest that traps in on_new_connection lets connections go on if told to', 'a guest that traps in on_downstream_data lets connections go on if told to', 'open: a guest that traps in a tick is missed with the next byte of the client', 'open: a guest that traps in a tick is missed with the next byte of the endpoint'].flatMap((name) => [
    { in: name, envoy: /^(?:client|endpoint) 0: "", (?:end|reset)$/, why: open },
    { in: name, meshwright: /^(?:client|endpoint) 0: "x?", open$/, why: open },
  ]),
  { in: 'an end is put off until a call is answered', envoy: /^on_delete$/, why: 'a connection that has ended stays for a guest that puts its end off, as a request does; in Envoy it does not' },
  { in: 'an end is put off until a call is answered', meshwright: /^on_delete$/, why: 'the same' },
  { in: 'an end is put off until a call is answered', envoy: /^ {2}(?:act for a context = 2|done = 1)$/, meshwright: / = 0$/, why: 'the same' },
  { in: 'an end that comes while a guest holds a new connection goes on', envoy: /^on_downstream_data 5 1$/, meshwright: /^on_downstream_data 5 0$/, why: 'an end is told of behind the bytes, not with them' },
  { in: 'an end that comes while a guest holds a new connection goes on', meshwright: /^on_downstream_data 0 1$/, why: 'the same' },
  { in: 'a new connection over TLS has properties', envoy: /^ {2}property connection\.(?:mtls|tls_version|subject_peer_certificate) = 0 /, meshwright: / = 0 /, why: 'a connection begins behind its handshake; in Envoy before it, when nothing is known of the client yet' },
  { envoy: /^ {2}property (?:node\.id|cluster_name|listener_direction) = 1$/, meshwright: / = 0 /, why: before },
  { envoy: /^ {2}property (?:upstream\.num_endpoints|xds\.cluster_name) = 1$/, meshwright: / = 0 /, why: 'the service is that of the listener, and known from the beginning' },
  { envoy: /^ {2}property request\.duration = 1$/, meshwright: / = 0 /, why: 'known when all is over; Envoy works it out after it has told of that' },
  { envoy: /^ {2}property xds\.filter_chain_name = 0 ""$/, meshwright: / = 0 "127/, why: 'the name of the listener stands for it' },
  { envoy: /^ {2}property connection\.termination_details = 1$/, meshwright: / = 0 "MESH_CONNECT_FAILED"$/, why: reason },
  { envoy: /^ {2}property upstream\.transport_failure_reason = 0 "delayed/, meshwright: / = 0 "MESH_CONNECT_FAILED"$/, why: reason },
  { envoy: /^ {2}property response\.flags = 0 2080000000000000$/, meshwright: / = 0 2000000000000000$/, why: 'no endpoint is tried twice, so there is no flag (URX) for a last try' },
]
