// Bad files and everything that is said about them.
import { describe, expect, test } from 'vitest'
import { provided } from '../testing/provided.ts'
import { checkSource } from './check.ts'
import type { Problem } from './problems.ts'
import { readYaml } from './yaml.ts'

/** `line:column «what the caret is under» code message @ path (related line:column)`. */
function lines(text: string): string[] {
  const { source, problems } = readYaml('mesh.yaml', text)
  return (problems.length > 0 ? problems : checkSource(source, provided, false)).map(inOneLine)
}

function inOneLine({ position, code, level, message, where, related }: Problem): string {
  const place = position === undefined ? '-' : `${position.line}:${position.column} «${position.text.slice(position.column - 1, position.endColumn - 1)}»`
  const also = related.map((one) => ` (${one.message} ${one.position?.line}:${one.position?.column})`).join('')
  return `${place} ${code}${level === 'warning' ? ' warning' : ''} ${message}${where === '' ? '' : ` @ ${where}`}${also}`
}

const listen = 'listeners: [{ address: 127.0.0.1:8080 }]\n'
const good = `${listen}services: { users: { endpoints: [127.0.0.1:9001] } }\nroutes: [{ to: users }]\n`

const tcp = (rest: string): string => `listeners: [{ address: 127.0.0.1:5432, tcp: ${rest} }]\nservices: { db: { endpoints: [127.0.0.1:5433] } }\n`

const files: readonly (readonly [title: string, text: string, expected: readonly string[]])[] = [
  // Syntax.
  ['a tab', 'listeners:\n\t- address: x\n', ['2:1 «	» MW1003 a tab where spaces are needed: YAML is indented with spaces only']],
  ['a colon too many', 'name: a: b\n', ['1:7 «a» MW1003 a map cannot begin here: check the indentation, or put text that contains a colon in quotes']],
  ['an open quote', 'a: "x', ['1:6 «» MW1003 missing closing "quote']],
  ['a second document', 'a: 1\n---\nb: 2\n', ['2:1 «---» MW1003 a second document begins here; a configuration is one document']],
  ['a tag', 'a: !include x\n', ['1:4 «!include» MW1003 tags (words after an exclamation mark) are not used here']],
  ['a lost alias', 'a: *x\n', ['1:4 «*x» MW1003 no anchor is called x']],
  ['a key of JSON without comma', '{"a": 1 "b": 2}', ['1:7 «1 "b": 2» MW1003 a comma or a closing bracket is missing before this']],
  ['a key written twice', 'workers: 1\nadmin: false\nworkers: 2\n', ['3:1 «workers» MW1004 key "workers" is written twice']],
  ['an anchor in itself', 'a: &a [*a]\n', ['1:8 «*a» MW1005 an anchor contains itself']],
  ['anchors that multiply', bomb(), ['4:61 «*c» MW1005 aliases are used more than 100 times']],
  ['deep nesting', `a: ${'['.repeat(70)}${']'.repeat(70)}`, ['1:67 «[[[[[[[]]]]]]]» MW1005 nested more than 64 levels deep']],
  // TCP.
  ['a listener for TCP, and no route', tcp('db'), []],
  ['one with filters', tcp('{ to: db, filters: [wasm, { allow-list: {} }] }'), []],
  ['one to a service that is not there', tcp('dv'), ['1:45 «dv» MW1301 there is no service "dv" @ listeners › 1 › tcp (services defined: db 2:1)', '2:13 «db» MW1502 warning no route goes to the service "db" @ services › db']],
  ['one with a filter for requests', tcp('{ to: db, filters: [{ rate-limit: { requests: 1, windowMs: 1 } }] }'), ['1:67 «rate-limit» MW1201 unknown networkFilter "rate-limit": it is a filter for requests, and this listener carries TCP @ listeners › 1 › tcp › filters › 1 › rate-limit']],
  ['a filter for requests by name alone', tcp('{ to: db, filters: [rate-limit] }'), ['1:65 «rate-limit» MW1201 unknown networkFilter "rate-limit": it is a filter for requests, and this listener carries TCP @ listeners › 1 › tcp › filters › 1']],
  ['a route with a filter for connections', `${good}filters: [allow-list]`, ['4:11 «allow-list» MW1201 unknown filter "allow-list": it is a filter for the connections of TCP listeners, and this is for requests @ filters › 1']],
  // Shape.
  ['an unknown key', good.replace('address', 'adress'), ['1:15 «adress» MW1101 unknown key "adress" (did you mean "address"?) @ listeners › 1 › adress']],
  [
    'an unknown key that resembles nothing',
    good.replace('endpoints:', 'colour: red, endpoints:'),
    [
      '2:22 «colour» MW1101 unknown key "colour" (known here: endpoints, discovery, balancer, retry, admission, outlier, health, transport, tls, timeout, limits, panicPercent and 1 more) @ services › users › colour',
    ],
  ],
  ['a missing key', `${listen}routes: [{ reply: { body: x } }]`, ['2:12 «reply» MW1102 "status" is missing @ routes › 1 › reply']],
  ['a duration', `${good}drainMs: 5s`, ['4:10 «5s» MW1103 must be a whole number, not "5s" (milliseconds: 5000) @ drainMs']],
  ['a number in quotes', `${good}workers: "2"`, ['4:10 «"2"» MW1103 must be a whole number, not "2" (leave out the quotes: 2) @ workers']],
  [
    'a number where text is meant',
    good.replace('to: users', 'to: users, match: { headers: { x-canary: 1 } }'),
    [
      '3:53 «1» MW1103 must be text or a map, not 1 (put it in quotes: "1") @ routes › 1 › match › headers › x-canary',
    ],
  ],
  ['an empty value', `${good}plugins:`, ['4:1 «plugins» MW1103 must be a list, not empty @ plugins']],
  ['a list for a map', `${listen}services: [a]\nroutes: [{ reply: { status: 200 } }]`, ['2:11 «[a]» MW1103 must be a map, not a list @ services']],
  ['true for the admin API', `${good}admin: true`, ['4:8 «true» MW1103 must be a map or false, not true @ admin']],
  ['a number too large', `${good}workers: 5000`, ['4:10 «5000» MW1104 5000 is out of range: 0 to 1024 @ workers']],
  ['a number too small', `${good}drainMs: -1`, ['4:10 «-1» MW1104 -1 is out of range: 0 to 2147483647 @ drainMs']],
  [
    'a status that redirects nowhere',
    `${listen}routes: [{ redirect: { status: 304 } }]`,
    [
      '2:32 «304» MW1105 304 is not one of 301, 302, 303, 307 and 308 @ routes › 1 › redirect › status',
    ],
  ],
  [
    'a choice with a slip',
    good.replace('8080', '8080, underscores: alow'),
    [
      '1:53 «alow» MW1105 "alow" is not one of allow, drop and reject (did you mean "allow"?) @ listeners › 1 › underscores',
    ],
  ],
  [
    'a path that is a prefix and exact',
    good.replace('to: users', 'to: users, match: { path: { prefix: /a, exact: /b } }'),
    [
      '3:38 «{ prefix: /a, exact: /b }» MW1104 takes exactly one of exact, prefix and regex, but has prefix and exact @ routes › 1 › match › path',
    ],
  ],
  [
    'a path that is nothing',
    good.replace('to: users', 'to: users, match: { path: {} }'),
    [
      '3:38 «{}» MW1102 needs exactly one of exact, prefix and regex @ routes › 1 › match › path',
    ],
  ],
  [
    'an empty text',
    good.replace('127.0.0.1:8080', '""'),
    [
      '1:24 «""» MW1104 must not be empty @ listeners › 1 › address',
      '1:24 «""» MW1308 the address "" needs a port: :8080 @ listeners › 1 › address',
    ],
  ],
  // Names.
  [
    'an unknown balancer',
    good.replace('endpoints', 'balancer: least-reqest, endpoints'),
    [
      '2:32 «least-reqest» MW1201 unknown balancer "least-reqest" (did you mean "least-request"?) @ services › users › balancer',
    ],
  ],
  [
    'an unknown balancer with options',
    good.replace('endpoints', 'balancer: { ring: { size: 7 } }, endpoints'),
    [
      '2:34 «ring» MW1201 unknown balancer "ring" (provided: least-request and round-robin) @ services › users › balancer › ring',
    ],
  ],
  [
    'a kind without plugins',
    good.replace('endpoints', 'outlier: x, endpoints'),
    [
      '2:31 «x» MW1201 unknown outlier "x" (no plugin provides any) @ services › users › outlier',
    ],
  ],
  [
    'options of a plugin',
    good.replace('endpoints', 'balancer: { least-request: { choices: 1, choice: 2 } }, endpoints'),
    [
      '2:60 «1» MW1104 1 is out of range: 2 to 10 @ services › users › balancer › least-request › choices',
      '2:63 «choice» MW1101 unknown key "choice" (did you mean "choices"?) @ services › users › balancer › least-request › choice',
    ],
  ],
  [
    'options beside a name instead of below it',
    `${good}filters:\n  - rate-limit:\n    requests: 1\n`,
    [
      '5:5 «rate-limit» MW1103 must be a map, not empty @ filters › 1 › rate-limit',
      '6:5 «requests» MW1201 unknown filter "requests" (provided: rate-limit and wasm) @ filters › 1 › requests',
    ],
  ],
  ['a name that needs options', `${good}filters: [rate-limit]`, ['4:11 «rate-limit» MW1203 the filter "rate-limit" needs options: requests and windowMs @ filters › 1']],
  // Meaning.
  [
    'an unknown service with a slip',
    good.replace('to: users', 'to: usrs'),
    [
      '2:13 «users» MW1502 warning no route goes to the service "users" @ services › users',
      '3:16 «usrs» MW1301 there is no service "usrs" (did you mean "users"?) @ routes › 1 › to ("users" is defined here 2:13)',
    ],
  ],
  [
    'an unknown service',
    good.replace('to: users', 'to: [{ service: users }, { service: orders }]'),
    [
      '3:48 «orders» MW1301 there is no service "orders" @ routes › 1 › to › 2 › service (services defined: users 2:1)',
    ],
  ],
  ['no listener', 'routes: [{ reply: { status: 200 } }]', ['- MW1312 there is no listener: no request could arrive @ listeners']],
  ['no route', listen, ['- MW1504 warning there is no route: every request is answered with 404 @ routes']],
  [
    'listeners that collide',
    good.replace('[{ address: 127.0.0.1:8080 }]', '[{ name: a, address: 127.0.0.1:80 }, { name: a, address: 0.0.0.0:80 }]'),
    [
      '1:57 «a» MW1302 two listeners are called "a" @ listeners › "a" › name (the first 1:21)',
      '1:69 «0.0.0.0:80» MW1303 the address 0.0.0.0:80 is used twice: already taken by 127.0.0.1:80 @ listeners › "a" › address (taken here 1:33)',
    ],
  ],
  [
    'a listener on the address of the admin API',
    good.replace('8080', '9901'),
    [
      '1:24 «127.0.0.1:9901» MW1303 the address 127.0.0.1:9901 is used twice: the admin API listens on 127.0.0.1:9901 unless admin.address says otherwise @ listeners › 1 › address',
    ],
  ],
  [
    'addresses',
    `listeners: [{ address: 8080 }, { address: ":1" }, { address: "::1" }, { address: "http://x:80" }, { address: "x:99999" }, { address: "[::1]:80" }]\nroutes: [{ reply: { status: 200 } }]`,
    [
      '1:24 «8080» MW1103 must be text, not 8080 (put it in quotes: "8080") @ listeners › 1 › address',
      '1:62 «"::1"» MW1308 the address "::1" needs brackets around an IPv6 address: [::1]:8080 @ listeners › 3 › address',
      '1:82 «"http://x:80"» MW1308 the address "http://x:80" is written without a scheme or a path: host:port @ listeners › 4 › address',
      '1:110 «"x:99999"» MW1308 the address "x:99999" has "99999" where a port from 0 to 65535 belongs @ listeners › 5 › address',
    ],
  ],
  [
    'trusted hops',
    good.replace('8080', '8080, trustedHops: [10.0.0.0/8, 10.0.0.0/33, "::/0", example]'),
    [
      '1:66 «10.0.0.0/33» MW1307 "10.0.0.0/33" has "33" after the slash instead of 0 to 32 @ listeners › 1 › trustedHops › 2',
      '1:87 «example» MW1307 "example" is not an address or a range such as 10.0.0.0/8 @ listeners › 1 › trustedHops › 4',
    ],
  ],
  [
    'a route to nowhere',
    `${listen}routes:\n  - name: lost\n`,
    [
      '3:5 «name: lost» MW1304 the route goes nowhere: it needs one of to, redirect and reply @ routes › "lost"',
    ],
  ],
  [
    'a route to two ends',
    good.replace('to: users', 'to: users, reply: { status: 200 }'),
    [
      '3:23 «reply» MW1304 the route has both "to" and "reply" @ routes › 1 › reply ("to" is here 3:12)',
    ],
  ],
  [
    'regular expressions',
    good.replace('to: users', 'to: users, match: { path: { regex: "(" }, query: { q: { regex: "(a+)+" } } }'),
    [
      '3:47 «"("» MW1305 the regular expression is not valid: "(" is not a regular expression that can be checked @ routes › 1 › match › path › regex',
      '3:75 «"(a+)+"» MW1305 the regular expression is not valid: "(a+)+" could take exponential time; make each repetition start with a character of its own @ routes › 1 › match › query › q › regex',
    ],
  ],
  [
    'a host with a port',
    good.replace('to: users', 'to: users, match: { host: ["*.shop.example", "shop.example:80"] }'),
    [
      '3:57 «"shop.example:80"» MW1306 "shop.example:80" is not a host name (a port does not belong here) @ routes › 1 › match › host › 2',
    ],
  ],
  [
    'a path without a slash',
    good.replace('to: users', 'to: users, match: { path: users }'),
    [
      '3:38 «users» MW1314 "users" does not start with a slash @ routes › 1 › match › path',
    ],
  ],
  ['TLS options without an identity', good.replace('8080 }', '8080, tls: { minVersion: 1.3 } }'), ['1:40 «tls» MW1316 the listener has no identity: it would speak plain HTTP @ listeners › 1 › tls']],
  ['a method with a space', good.replace('to: users', 'to: users, match: { method: "G T" }'), ['3:40 «"G T"» MW1315 "G T" is not a token @ routes › 1 › match › method']],
  [
    'a header name with a space',
    good.replace('to: users', 'to: users, requestHeaders: { set: { "x y": z } }'),
    [
      '3:48 «"x y"» MW1315 "x y" has characters that a name in HTTP cannot have @ routes › 1 › requestHeaders › set › "x y"',
    ],
  ],
  [
    'weights of zero',
    good.replace('to: users', 'to: [{ service: users, weight: 0 }]'),
    [
      '3:12 «to» MW1309 the weights add up to 0: no service would get a request @ routes › 1 › to',
    ],
  ],
  [
    'a service without endpoints',
    good.replace('[127.0.0.1:9001]', '[]'),
    [
      '2:13 «users» MW1310 the service "users" has neither endpoints nor discovery @ services › users',
    ],
  ],
  [
    'a service with endpoints and discovery',
    good.replace('endpoints', 'discovery: static, endpoints'),
    [
      '2:22 «discovery» MW1311 the service "users" has both endpoints and discovery @ services › users › discovery (endpoints are listed here 2:41)',
    ],
  ],
  [
    'an endpoint listed twice',
    good.replace('[127.0.0.1:9001]', '[127.0.0.1:9001, { address: 127.0.0.1:9001, weight: 2 }, { address: 127.0.0.1:9001, id: b }]'),
    [
      '2:61 «127.0.0.1:9001» MW1313 the endpoint 127.0.0.1:9001 is listed twice @ services › users › endpoints › 2 › address (the first 2:34)',
    ],
  ],
  ['an unused service', good.replace('to: users', 'reply: { status: 200 }'), ['2:13 «users» MW1502 warning no route goes to the service "users" @ services › users']],
  ['a service that only a filter calls', good.replace('{ to: users }', "{ reply: { status: 200 }, filters: [{ wasm: { module: a.wasm, configuration: { service: users } } }] }"), []],
  [
    'a shadowed route',
    good.replace('[{ to: users }]', '[{ to: users, match: { path: /a } }, { name: b, to: users, match: { path: /a } }]'),
    [
      '3:68 «match» MW1501 warning no request can reach this route @ routes › "b" › match (this one takes its requests 3:23)',
    ],
  ],
  [
    'a timeout longer than the whole',
    good.replace('endpoints', 'timeout: { requestMs: 1000, connectMs: 2000, responseIdleMs: 0, responseHeadersMs: 1000 }, endpoints'),
    [
      '2:61 «2000» MW1503 warning connectMs is 2000, but the whole request ends after 1000 ms @ services › users › timeout › connectMs (requestMs is 1000 2:33)',
      '2:83 «0» MW1503 warning responseIdleMs waits for ever, but the whole request ends after 1000 ms @ services › users › timeout › responseIdleMs (requestMs is 1000 2:33)',
    ],
  ],
  [
    'a timeout of a route longer than the whole of its service',
    good.replace('endpoints', 'timeout: { requestMs: 1000 }, endpoints').replace('to: users', 'to: users, timeout: { responseHeadersMs: 2000 }'),
    [
      '3:53 «2000» MW1503 warning responseHeadersMs is 2000, but the whole request ends after 1000 ms @ routes › 1 › timeout › responseHeadersMs (requestMs is 1000 2:33)',
    ],
  ],
]

function bomb(): string {
  return 'a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\n'
}

describe('everything wrong with a file is said at once', () => {
  test.each(files)('%s', (_title, text, expected) => {
    expect(lines(text)).toEqual(expected)
  })
})

test('a good file has no problems', () => {
  expect(lines(good)).toEqual([])
})

test('of a file with thousands of mistakes the first thousand are said', () => {
  const route = '  - { to: [{ service: users, weigth: 1 }], match: { headers: { x: 1 } } }\n'
  const said = lines(`${good.replace(/routes.*\n/, '')}routes:\n${route.repeat(2000)}`)
  expect(said).toHaveLength(1000)
  expect(said[0]).toBe('4:30 «weigth» MW1101 unknown key "weigth" (did you mean "weight"?) @ routes › 1 › to › 1 › weigth')
})
