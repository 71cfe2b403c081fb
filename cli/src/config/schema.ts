// The schema of a configuration file: the shape of MeshSpec, with units and defaults in words for editors.
import { Type, type TSchema, type TSchemaOptions } from 'typebox'
import { AnswerSchemas, type Provided } from './answers.ts'

const closed = { additionalProperties: false }
const mostMs = 2_147_483_647
const mostWeight = 1_000_000

function optional(properties: Record<string, TSchema>): Record<string, TSchema> {
  return Object.fromEntries(Object.entries(properties).map(([key, schema]) => [key, Type.Optional(schema)]))
}

function group(description: string, properties: Record<string, TSchema>, more: TSchemaOptions = {}): TSchema {
  return Type.Object(optional(properties), { ...closed, description, ...more })
}

function exactlyOne(description: string, properties: Record<string, TSchema>): TSchema {
  return group(description, properties, { minProperties: 1, maxProperties: 1 })
}

function milliseconds(what: string, preset: number): TSchema {
  const description = `${what} Milliseconds; 0 waits for ever. Default ${preset}.`
  return Type.Integer({ minimum: 0, maximum: mostMs, default: preset, description })
}

function count(description: string, preset: number, minimum = 0): TSchema {
  return Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, default: preset, description: `${description} Default ${preset}.` })
}

function text(description: string): TSchema {
  return Type.String({ minLength: 1, description })
}

function choice(words: readonly (string | number)[], description: string): TSchema {
  return Type.Unsafe({ type: typeof words[0] === 'number' ? 'integer' : 'string', enum: words, description })
}

function oneOrMore(one: TSchema, description: string): TSchema {
  return Type.Union([one, Type.Array(one, { minItems: 1 })], { description })
}

function textMap(description: string): TSchema {
  return Type.Record(Type.String(), Type.String(), { description })
}

function listener(answers: AnswerSchemas): TSchema {
  const timeouts = group('How long the listener waits for a client.', {
    requestHeadersMs: milliseconds('For a whole request head.', 10_000),
    requestBodyIdleMs: milliseconds('Between two chunks of a request body.', 30_000),
    responseStallMs: milliseconds('For a client that reads nothing of a response.', 60_000),
    tlsHandshakeMs: milliseconds('For the TLS handshake, from the opening of the connection. A change takes a new listener.', 10_000),
    keepAliveMs: milliseconds('For the next request on an idle connection.', 60_000),
    filterMs: milliseconds('For the promise of a filter, in each phase and for each chunk of a body.', 30_000),
    tunnelIdleMs: milliseconds('Without a byte in either direction on an upgraded connection, or on one of a TCP listener.', 3_600_000),
  })
  const limits = group('How much the listener takes from a client.', {
    headBytes: count('Bytes of a request head, request line included.', 65_536, 1),
    headerCount: count('Header fields of a request.', 200, 1),
    urlLength: count('Characters of a request target.', 8192, 1),
    bodyBytes: count('Bytes of a request body; 0 is no limit, as bodies are not buffered.', 0),
    connections: count('Connections at a time in each data-plane thread.', 10_000, 1),
    requestsPerConnection: count('Requests on one connection; 0 is no limit.', 10_000),
  })
  const path = group('What is done to the path before a route is looked for.', {
    normalize: Type.Boolean({ default: true, description: 'Resolve dot segments and needless percent-encoding. Default true.' }),
    mergeSlashes: Type.Boolean({ default: true, description: 'Make several slashes one. Default true.' }),
    escapedSlashes: choice(['reject', 'keep', 'decode'], 'What to do with %2F and %5C. Default reject.'),
  })
  return Type.Object(
    {
      address: text('`host:port` to listen on, such as 127.0.0.1:8080 or [::]:8080; port 0 takes a free one.'),
      ...optional({
        name: text('For logs, metrics and the admin API. Default: the address.'),
        tcp: tcp(answers),
        timeouts,
        limits,
        trustedHops: Type.Array(text('An address or a range such as 10.0.0.0/8.'), {
          description: 'Peers whose forwarded headers are believed. Default: nobody.',
        }),
        path,
        underscores: choice(['allow', 'drop', 'reject'], 'Header names with an underscore: pass them, drop the field, or answer 400. Default allow.'),
        unrouted: choice(['host', 'reply'], 'Who answers a request without a route: the surrounding Fastify app, or a 404 of the mesh. Default reply.'),
        identity: answers.of('identity', 'Keys and certificates: the listener speaks TLS. Default: none, it speaks plain HTTP.'),
        tls: listenerTls(),
        forwardClientCertificate: forwardClientCertificate(),
      }),
    },
    { ...closed, description: 'A bound address and what may happen on it.' },
  )
}

function tcp(answers: AnswerSchemas): TSchema {
  const settings = Type.Object(
    {
      to: text('Name of a service.'),
      filters: Type.Optional(Type.Array(answers.of('networkFilter', 'A filter for connections.'), { description: 'Filters of these connections; those for every route are for requests.' })),
    },
    closed,
  )
  return Type.Union([text('Name of a service.'), settings], { description: 'Carry the bytes of connections to this service, instead of requests along routes. What is about HTTP is refused then.' })
}

function listenerTls(): TSchema {
  return group('How TLS is spoken; only together with an identity.', {
    minVersion: Type.Unsafe({ enum: [1.2, 1.3, '1.2', '1.3'], description: 'The oldest version that is spoken. Default 1.2.' }),
    clientCertificates: choice(['none', 'optional', 'required'], 'Whether clients are asked for a certificate, verified with the ca of the identity: not at all, it may be missing but not bad, or it has to be there. Default none.'),
    unknownServerName: choice(['default', 'refuse'], 'Clients that ask for a name that no certificate has, or for none: show them the first certificate, or end the handshake. Default default.'),
  })
}

function forwardClientCertificate(): TSchema {
  const mode = choice(
    ['sanitize', 'forward-only', 'append-forward', 'sanitize-set', 'always-forward-only'],
    'What becomes of X-Forwarded-Client-Cert: take it out; or, from clients with a certificate only, pass it, add an element to it, or replace it; or pass it always. Default sanitize.',
  )
  const keys = Type.Array(choice(['By', 'Hash', 'Cert', 'Chain', 'Subject', 'URI', 'DNS'], 'A key of an element.'), { description: 'What an element says. Default Hash, Subject, URI and DNS.' })
  return Type.Union([mode, Type.Object({ mode, keys: Type.Optional(keys) }, closed)], { description: 'What becomes of X-Forwarded-Client-Cert. Default sanitize.' })
}

function endpoint(): TSchema {
  const long = Type.Object(
    {
      address: text('`host:port`.'),
      ...optional({
        id: text('Stable name of the instance inside its service. Default: the address.'),
        weight: Type.Integer({ minimum: 1, maximum: mostWeight, default: 1, description: 'Share of the traffic relative to the others. 1 to 1000000. Default 1.' }),
        priority: Type.Integer({ minimum: 0, maximum: 127, default: 0, description: 'Its turn: while those of a lower number are well, a higher one gets no traffic. 0 to 127. Default 0.' }),
        zone: text('Where it runs, for balancers that care.'),
        metadata: textMap('Free text for balancers and filters.'),
      }),
    },
    closed,
  )
  return Type.Union([text('`host:port`.'), long], { description: 'One instance of the service.' })
}

function service(answers: AnswerSchemas): TSchema {
  const timeout = group('How long an exchange waits for an endpoint.', {
    requestMs: milliseconds('For the whole exchange, every attempt and delay included.', 0),
    connectMs: milliseconds('For a connection, with TLS its handshake included.', 5000),
    pendingMs: milliseconds('Until one of the connections is free, where their number is limited.', 5000),
    responseHeadersMs: milliseconds('From the end of the request to the response head.', 15_000),
    responseIdleMs: milliseconds('Between two chunks of a response.', 60_000),
    keepAliveMs: milliseconds('How long an idle connection to an endpoint is kept.', 30_000),
  })
  const limits = group('How much is taken from an endpoint, and given to it.', {
    headBytes: count('Bytes of a response head.', 65_536, 1),
    connections: count('Connections to one endpoint from one thread; 0 is no limit.', 0),
    pending: count('Requests that wait until one of the connections is free, for one endpoint and in one thread.', 1024),
    requestsPerConnection: count('Requests on one connection; 0 is no limit.', 0),
    warmConnections: count('Connections from one thread that are open to each fit endpoint before they are needed.', 0),
  })
  return group('A named set of interchangeable endpoints and the policies for reaching them.', {
    endpoints: Type.Array(endpoint(), { description: 'The instances. Short for `discovery: { static: { endpoints } }`.' }),
    discovery: answers.of('discovery', 'Who finds the endpoints.'),
    balancer: answers.of('balancer', 'Who chooses among the endpoints. Default least-request.'),
    retry: answers.of('retry', 'Who decides whether a failure is tried again. Default: never.'),
    admission: Type.Array(answers.of('admission', 'Who decides whether there is room.'), { description: 'Limits and breakers, asked in this order before each attempt.' }),
    outlier: answers.of('outlier', 'Who decides whether an endpoint should rest. Default: nobody.'),
    health: answers.of('health', 'Who checks that endpoints are fit. Default: nobody.'),
    transport: answers.of('transport', 'Who carries the bytes. Default: the core.'),
    tls: serviceTls(answers),
    timeout,
    limits,
    panicPercent: Type.Integer({ minimum: 0, maximum: 100, default: 50, description: 'With fewer fit endpoints than this part, and no other priority to carry the traffic, all endpoints are used. 0: an unfit endpoint never gets traffic. Default 50.' }),
    slowStart: slowStart(),
  })
}

function serviceTls(answers: AnswerSchemas): TSchema {
  const settings = group('How TLS is spoken to the endpoints.', {
    serverName: text("A DNS name, asked for by SNI and expected in the certificate. Default: the endpoint's host."),
    sans: Type.Array(text('`spiffe://…` or another URI, or a DNS name.'), { minItems: 1, description: 'Expect one of these in the certificate, exactly, and no other name.' }),
    ca: text('Roots in PEM. Default: those of the identity, else those that come with Node.'),
    verify: Type.Boolean({ default: true, description: 'False takes any certificate from anybody: for tests only. Default true.' }),
    identity: answers.of('identity', 'The certificate to show, and the roots to trust. Default: no certificate, the roots that come with Node.'),
  })
  return Type.Union([settings, Type.Boolean()], { description: 'TLS to the endpoints, whose certificates are verified. Default false: plain HTTP.' })
}

function slowStart(): TSchema {
  return Type.Object(
    {
      windowMs: Type.Number({ exclusiveMinimum: 0, description: 'How long an endpoint takes to its full share. Milliseconds.' }),
      ...optional({
        aggression: Type.Number({ exclusiveMinimum: 0, default: 1, description: 'More than 1: faster at the beginning. Default 1: in a straight line.' }),
        minWeightPercent: Type.Number({ minimum: 1, maximum: 100, default: 10, description: 'Where it begins, in percent of its weight. 1 to 100. Default 10.' }),
      }),
    },
    { ...closed, description: 'How an endpoint that is new, or was unfit, grows into its share. Default: it has it at once.' },
  )
}

function textMatch(): TSchema {
  const long = exactlyOne('A condition on the text.', {
    exact: Type.String({ description: 'Equal to this.' }),
    regex: text('A regular expression that matches the whole text.'),
    present: Type.Boolean({ description: 'There, or not there.' }),
  })
  return Type.Union([Type.String({ description: 'Equal to this.' }), long])
}

function match(): TSchema {
  const path = exactlyOne('A condition on the path.', {
    exact: text('The whole path.'),
    prefix: text('A prefix by element: /users matches /users and /users/7, not /users2.'),
    regex: text('A regular expression that matches the whole path.'),
  })
  return group('Which requests: all conditions must hold.', {
    host: oneOrMore(text('shop.example, or *.shop.example for all names below it.'), 'The host, or several. Default: any.'),
    path: Type.Union([text('An exact path, or a prefix if it ends with /*.'), path], { description: 'The path. Default: prefix /.' }),
    method: oneOrMore(text('GET, POST and so on.'), 'The method, or several. Default: any.'),
    headers: Type.Record(Type.String(), textMatch(), { description: 'Conditions on header fields by name.' }),
    query: Type.Record(Type.String(), textMatch(), { description: 'Conditions on query parameters by name.' }),
  })
}

function headerChanges(of: string): TSchema {
  return group(`Changes to the header fields of the ${of}: remove, then set, then add.`, {
    remove: Type.Array(text('Name of a field.'), { description: 'Fields that are taken out.' }),
    set: textMap('Fields that replace those of the same name.'),
    add: textMap('Fields that are added to those of the same name.'),
  })
}

function newPath(): TSchema {
  return exactlyOne('The new path.', {
    prefix: Type.String({ description: 'Replaces the prefix that matched.' }),
    full: text('Replaces the whole path.'),
  })
}

function destination(): TSchema {
  const weighted = Type.Object(
    {
      service: text('Name of a service.'),
      weight: Type.Optional(Type.Integer({ minimum: 0, maximum: mostWeight, default: 1, description: 'Share of the traffic; 0 gets none. Default 1.' })),
    },
    closed,
  )
  return Type.Union([text('Name of a service.'), Type.Array(weighted, { minItems: 1 })], { description: 'The service, or several with weights.' })
}

function redirect(): TSchema {
  return group('Answer with a redirect.', {
    status: choice([301, 302, 303, 307, 308], 'Status code. Default 302.'),
    scheme: choice(['http', 'https'], 'Default: that of the request.'),
    host: text('Default: that of the request.'),
    port: Type.Integer({ minimum: 1, maximum: 65_535, description: '1 to 65535. Default: that of the scheme, or of the request.' }),
    path: newPath(),
  })
}

function reply(): TSchema {
  return Type.Object(
    {
      status: Type.Integer({ minimum: 200, maximum: 599, description: 'Status code, 200 to 599.' }),
      ...optional({ body: Type.String({ description: 'Text of the body. Default: none.' }), headers: textMap('Header fields.') }),
    },
    { ...closed, description: 'Answer without any service.' },
  )
}

function route(answers: AnswerSchemas): TSchema {
  const timeout = group("Overrides of the service's timeouts for this route.", {
    requestMs: milliseconds('For the whole exchange, every attempt and delay included.', 0),
    responseHeadersMs: milliseconds('From the end of the request to the response head.', 15_000),
    responseIdleMs: milliseconds('Between two chunks of a response.', 60_000),
  })
  return group('Which requests, through which filters, to which service. Exactly one of to, redirect and reply.', {
    name: text('For logs, metrics and the admin API. Default: made of host and path.'),
    match: oneOrMore(match(), 'One match, or several of which one must hold. Default: every request.'),
    to: destination(),
    filters: filters(answers, 'Filters of this route, after those for every route.'),
    rewrite: group('What the service sees instead.', { path: newPath(), host: text('The new host.') }),
    redirect: redirect(),
    reply: reply(),
    requestHeaders: headerChanges('request'),
    responseHeaders: headerChanges('response'),
    timeout,
  })
}

function filters(answers: AnswerSchemas, description: string): TSchema {
  return Type.Array(answers.of('filter', 'A filter.'), { description })
}

function plugin(): TSchema {
  const long = Type.Object(
    { name: text('Package or file.'), options: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: 'Options of the plugin.' })) },
    closed,
  )
  return Type.Union([text('A package such as meshwright-plugin-geo, or a file such as ./my-plugin.ts.'), long])
}

function admin(): TSchema {
  const settings = group("The admin API's own address.", {
    address: text('`host:port`. Default 127.0.0.1:9901.'),
    token: Type.String({ minLength: 16, description: 'What a request must show, as Authorization: Bearer, to see the configuration or change anything; needed where the address is not a loopback one. Default: MESHWRIGHT_ADMIN_TOKEN.' }),
    tokenFile: Type.String({ minLength: 1, description: 'A file with such tokens, one a line; read again when it has changed.' }),
    hosts: Type.Array(Type.String({ minLength: 1 }), { description: 'Names by which other machines reach it; a request for any other name is refused. Default: only addresses, and the host of `address`.' }),
  })
  return Type.Union([settings, Type.Literal(false)], { description: 'The admin API, or false for none.' })
}

/** What decides the schema besides the shape of a mesh. */
export interface SchemaOptions {
  /** Accept answers by value (`balancer: p2c()`), as modules give them. Default false. */
  readonly values?: boolean
}

/** The JSON Schema of a configuration file, with the names and options that plugins provide. */
export function meshSchema(provided: readonly Provided[], options: SchemaOptions = {}): TSchema {
  const answers = new AnswerSchemas(provided, options.values ?? false)
  const properties = optional({
    $schema: Type.String({ description: 'The schema of this file, for editors.' }),
    listeners: Type.Array(listener(answers), { description: 'Where requests arrive.' }),
    services: Type.Record(Type.String(), service(answers), { description: 'Where requests go, by name.' }),
    routes: Type.Array(route(answers), { description: 'Which requests go where. The most specific match wins, whatever the order.' }),
    filters: filters(answers, 'Filters for every route, before its own.'),
    plugins: Type.Array(plugin(), { description: 'Packages or files that provide more names.' }),
    admin: admin(),
    workers: Type.Integer({ minimum: 0, maximum: 1024, default: 0, description: 'Data-plane threads; 0 runs everything in the main thread. Default 0.' }),
    drainMs: milliseconds('How long in-flight requests may take to end when the mesh stops.', 30_000),
  })
  return Type.Object(properties, {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Meshwright configuration',
    ...closed,
  })
}
