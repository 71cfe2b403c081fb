// The SDK's classes, compiled for real and run on the real host.
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { loadFilter, type LoadFilterOptions, type TestFilter } from '@meshwright/wasm/testing'
import { describe, expect, onTestFinished, test } from 'vitest'
import { compiled, endpoint, meshWith, type Seen } from './index.ts'

const everything = 'Action, Body, CallResponse, configuration, Counter, decodePercent, equalInConstantTime, filterOf, foreign, fromBase64, Gauge, Headers, Histogram, HttpFilter, Json, log, now, nowMs, owner, Plugin, property, Queue, random, settings, shared'
const imports = `import { ${everything} } from '@meshwright/filter-sdk'\n`

async function load(source: string, options: LoadFilterOptions = {}): Promise<TestFilter> {
  return loadFilter(await compiled(imports + source), { name: 'mine', fuelMs: 1_000, ...options })
}

const filter = (body: string): string => `@filter export class Mine extends HttpFilter {\n${body}\n}`

const fields = filter(`
  onRequestHeaders(end: bool): Action {
    const h = this.request.headers
    h.set('x-values', h.getAll('X-List').join('|'))
    h.set('x-first', h.get('X-LIST')!)
    h.set('x-has', h.has('x-list').toString() + ' ' + h.has('x-none').toString())
    h.set('x-null', (h.get('x-none') == null).toString() + ' ' + (h.get('x-empty') == null).toString())
    const raw = h.getBytes('x-raw')
    if (raw != null) h.append('x-raw', raw)
    h.delete('x-gone')
    h.append('x-list', 'three')
    h.set('x-line', this.request.method + ' ' + this.request.path + ' ' + this.request.pathname + ' ' + this.request.authority + ' ' + this.request.scheme)
    h.set('x-count', h.entries().length.toString())
    h.set('x-cookie', '' + this.request.cookie('b')! + (this.request.cookie('c') == null ? ' none' : ''))
    h.set('x-query', '' + this.request.query('q q')! + (this.request.query('z') == null ? ' none' : ''))
    this.request.path = '/else'
    this.request.method = 'PUT'
    return Action.Continue
  }
  onResponseHeaders(end: bool): Action {
    this.response.headers.set('x-was', this.response.status.toString())
    this.response.status = 201
    return Action.Continue
  }`)

describe('headers', () => {
  test('are read, set, appended and removed, whatever the case of their names', async () => {
    const mine = await load(fields)
    const stream = await mine.request({ path: '/a?q%20q=x+y%21', headers: { 'x-list': ['one', 'two'], 'x-gone': '1', 'x-empty': '', cookie: 'a=1; b=2' } })
    expect(stream.sent).toMatchObject({
      method: 'PUT',
      path: '/else',
      headers: { 'x-values': 'one|two', 'x-first': 'one', 'x-has': 'true false', 'x-null': 'true false', 'x-list': 'one, two, three', 'x-line': 'GET /a?q%20q=x+y%21 /a shop.example http', 'x-cookie': '2 none', 'x-query': 'x y! none' },
    })
    expect(stream.sent.headers).not.toHaveProperty('x-gone')
    await stream.response({ status: 204 })
    expect(stream.received).toMatchObject({ status: 201, headers: { 'x-was': '204' } })
  })

  test('keep bytes that are no UTF-8 when they are taken as bytes', async () => {
    const mine = await load(fields)
    const { sent } = await mine.request({ path: '/?q%20q=1', headers: { 'x-list': '1', 'x-raw': '\u00ff\u00fe\u0080', cookie: 'b=1' } })
    expect(sent.fields.filter(([name]) => name === 'x-raw').map(([, value]) => value)).toEqual(['\u00ff\u00fe\u0080', '\u00ff\u00fe\u0080'])
  })

  test('cross as they are, whatever their length and letters, from the source or made', async () => {
    const letters = ['0123456789abcdefghij', 'äöü€𝄞ß', 'abcdefgé']
    const texts = letters.flatMap((all) => Array.from({ length: all.length + 1 }, (_, length) => all.slice(0, length))).filter((text) => text.isWellFormed())
    // More literals than there are places for them, so that some share one.
    const fill = Array.from({ length: 300 }, (_, i) => `h.set('f${i}', 'literal number ${i}')`)
    const mine = await load(
      filter(`onRequestHeaders(end: bool): Action {
        const h = this.request.headers
        ${texts.map((text, i) => `h.append('t${i}', '${text}'); h.append('t${i}', '' + h.get('s${i}')!)`).join('\n')}
        ${fill.join('\n')}
        return Action.Continue
      }`),
    )
    const asked = Object.fromEntries(texts.map((text, i) => [`s${i}`, Buffer.from(text).toString('latin1')]))
    for (let round = 0; round < 3; round++) {
      const { sent } = await mine.request({ headers: asked })
      const values = (name: string): string[] => sent.fields.filter(([one]) => one === name).map(([, value]) => Buffer.from(value, 'latin1').toString())
      expect(texts.map((_, i) => values(`t${i}`))).toEqual(texts.map((text) => [text, text]))
      expect(fill.map((_, i) => values(`f${i}`))).toEqual(fill.map((_, i) => [`literal number ${i}`]))
    }
  })

  test('may be longer than the buffers of the SDK', async () => {
    const mine = await load(fields)
    const long = 'v'.repeat(20_000)
    const { sent } = await mine.request({ path: '/?q%20q=1', headers: { 'x-list': long, cookie: 'b=1' } })
    expect(sent.headers).toMatchObject({ 'x-first': long, 'x-values': long })
  })
})

describe('a module', () => {
  const exportsOf = async (source: string): Promise<string[]> => (await load(source)).phases.slice()

  test('exports what its class overrides, and what removing a length needs', async () => {
    expect(await exportsOf(filter('onResponseHeaders(end: bool): Action { return Action.Continue }'))).toEqual(['response headers'])
    expect(await exportsOf(filter('onRequestBody(body: Body, end: bool): Action { return Action.Continue }'))).toEqual(['request headers', 'request body'])
    expect(await exportsOf(filter('@inspect onRequestBody(body: Body, end: bool): Action { return Action.Continue }'))).toEqual(['request body'])
    expect(await exportsOf(`export class Base extends HttpFilter { onRequestHeaders(end: bool): Action { return Action.Continue } }\n@filter export class Mine extends Base {}`)).toEqual(['request headers'])
  })

  test('that fails says where in the log', async () => {
    const mine = await load(filter(`onRequestHeaders(end: bool): Action { return <Action>this.request.headers.get('x-none')!.length }`))
    await expect(mine.request()).rejects.toThrow(/mine/)
    expect(mine.logs.at(-1)).toMatchObject({ level: 'critical', text: expect.stringMatching(/^assembly\/index\.ts:3:\d+: Unexpected 'null'/) })
  })
})

describe('bodies', () => {
  const whole = filter(`
  @buffer onRequestBody(body: Body, end: bool): Action {
    body.replace('[' + body.text() + ' ' + body.size.toString() + ' ' + end.toString() + ']')
    body.append('>')
    body.prepend('<')
    return Action.Continue
  }
  @buffer onResponseBody(body: Body, end: bool): Action {
    const bytes = body.bytes(1, 2)
    body.append(bytes)
    return Action.Continue
  }`)

  test('come whole when they are declared so', async () => {
    const mine = await load(whole)
    const stream = await mine.request({ method: 'POST', body: ['ab', 'cd'] })
    expect(stream.sent.body).toBe('<[abcd 4 true]>')
    await stream.response({ body: Buffer.from([0x61, 0xff, 0xfe]) })
    expect([...stream.received.bytes]).toEqual([0x61, 0xff, 0xfe, 0xff, 0xfe])
  })

  test('come whole also when trailers follow', async () => {
    const mine = await load(whole)
    const stream = await mine.request({ method: 'POST', body: ['ab', 'cd'], trailers: { 'x-sum': '1' } })
    expect(stream.sent).toMatchObject({ body: '<[abcd 4 true]>', trailers: { 'x-sum': '1' } })
  })

  test('come whole through a real mesh, with trailers and without, and lose the length they had', async () => {
    const { ask, seen } = await meshWith({ module: await compiled(imports + whole) })
    const answer = await ask({ method: 'POST', body: 'abcd', headers: { 'content-length': '4' } })
    await ask({ method: 'POST', body: ['ab', 'cd'], trailers: { 'x-sum': '1' } })
    expect(seen.map(({ body }) => body)).toEqual(['<[abcd 4 true]>', '<[abcd 4 true]>'])
    expect(seen[0]?.headers).not.toHaveProperty('content-length')
    expect(answer.body).toBe('POST /OS')
  })

  test('come piece by piece otherwise', async () => {
    const mine = await load(filter(`onResponseBody(body: Body, end: bool): Action { if (body.size > 0) body.replace(body.text().toUpperCase() + '.'); return Action.Continue }`))
    const stream = await mine.request()
    await stream.response({ body: ['ab', 'cd'] })
    expect(stream.received.chunks.map(String)).toEqual(['AB.', 'CD.'])
  })
})

describe('a call', () => {
  const calling = filter(`
  onRequestHeaders(end: bool): Action {
    if (this.request.headers.has('x-two')) this.call('authz', 'first')
    return this.call('authz', 'check', { method: 'POST', path: '/check', headers: [['x-user', 'ada']], body: 'who', timeoutMs: 700 })
  }
  onCallResponse(tag: string, response: CallResponse): Action {
    if (!response.ok) return this.reply(503, 'no answer to ' + tag, { headers: [['x-why', 'call']] })
    if (response.status != 200) return this.reply(403, response.body.text())
    this.request.headers.append('x-' + tag, response.headers.get('x-role')!)
    return this.pending > 0 ? Action.Pause : Action.Continue
  }`)

  test('holds the request until its answer lets it go on', async () => {
    const mine = await load(calling)
    const stream = await mine.request()
    expect(stream.pausedIn).toBe('request headers')
    expect(mine.calls[0]).toMatchObject({ service: 'authz', method: 'POST', path: '/check', authority: 'authz', headers: { 'x-user': 'ada' }, body: 'who', timeoutMs: 700 })
    await mine.answer({ headers: { 'x-role': 'admin' } })
    expect(stream.sent.headers).toMatchObject({ 'x-check': 'admin' })
  })

  test('answers the request if its answer says so', async () => {
    const mine = await load(calling)
    const stream = await mine.request()
    await mine.answer({ status: 401, body: 'not you' })
    expect(stream.reply).toMatchObject({ status: 403, body: 'not you' })
  })

  test('that the host refuses is answered in the same way, without an answer', async () => {
    const mine = await load(calling, { services: [] })
    const stream = await mine.request()
    expect(stream.reply).toMatchObject({ status: 503, body: 'no answer to check', headers: { 'x-why': 'call' } })
  })

  test('that breaks is one without an answer', async () => {
    const mine = await load(calling)
    const stream = await mine.request()
    await mine.answer({ error: 'reset' })
    expect(stream.reply.body).toBe('no answer to check')
  })

  test('of a request that is over is answered to nobody', async () => {
    const mine = await load(calling)
    const first = await mine.request()
    const [call] = mine.calls
    await first.end()
    await mine.answer({ headers: { 'x-role': 'admin' } }, call)
    const second = await mine.request()
    await mine.answer({ headers: { 'x-role': 'user' } })
    expect(second.sent.headers['x-check']).toBe('user')
  })

  test('beside another one waits for both', async () => {
    const mine = await load(calling)
    const stream = await mine.request({ headers: { 'x-two': '1' } })
    await mine.answer({ headers: { 'x-role': 'b' } })
    expect(stream.outcome).toBe('paused')
    await mine.answer({ headers: { 'x-role': 'a' } })
    expect(stream.sent.headers).toMatchObject({ 'x-first': 'a', 'x-check': 'b' })
  })

  test('that is refused may let the request go on', async () => {
    const mine = await load(filter(`
  onRequestHeaders(end: bool): Action { return this.call('gone', 'tag') }
  onCallResponse(tag: string, response: CallResponse): Action { this.request.headers.set('x-ok', response.ok.toString() + response.status.toString()); return Action.Continue }`), { services: [] })
    expect((await mine.request()).sent.headers).toMatchObject({ 'x-ok': 'false0' })
  })

  test('goes through a real mesh to a real service', async () => {
    const authz: Seen[] = []
    const { port, close } = await endpoint((one, response) => response.setHeader('x-role', `${one.method} ${one.body}`).end(), authz)
    onTestFinished(close)
    const { ask, seen } = await meshWith({ module: await compiled(imports + calling) }, undefined, { services: { authz: { endpoints: [`127.0.0.1:${port}`] } } })
    expect(await ask()).toMatchObject({ status: 200 })
    expect(authz).toMatchObject([{ url: '/check', headers: { 'x-user': 'ada' }, body: 'who' }])
    expect(seen).toMatchObject([{ headers: { 'x-check': 'POST who' } }])
  })
})

describe('a configuration', () => {
  const configured = `
export class Rule { @required name: string = ''; limit: u8 = 7 }
@config export class Settings {
  key: string = 'none'
  ratio: f64 = 0.5
  on: bool = false
  big: i64 = 0
  rules: Rule[] = []
  names: Map<string, string> = new Map()
  deep: i32[][] = []
  maybe: string | null = null
  best: Rule = new Rule()
  lists: Map<string, Rule[]> = new Map()
}
${filter(`onRequestHeaders(end: bool): Action {
    const s = settings<Settings>()
    let rules = ''
    for (let i = 0; i < s.rules.length; i++) rules += s.rules[i].name + s.rules[i].limit.toString()
    this.request.headers.set('x-s', [s.key, s.ratio.toString(), s.on.toString(), s.big.toString(), rules, s.names.keys().join('+'), s.deep.length.toString(), s.maybe == null ? 'null' : 'text', s.best.name, s.lists.size.toString()].join(' '))
    return Action.Continue
  }`)}`
  const told = async (configuration: unknown): Promise<string | undefined> => (await (await load(configured, { configuration })).request()).sent.headers['x-s']

  test('is read into classes, and what it leaves out keeps its default', async () => {
    expect(await told(undefined)).toBe('none 0.5 false 0   0 null  0')
    expect(await told({ key: 'k\u00e4y', ratio: 2, on: true, big: 123456789012, rules: [{ name: 'a' }, { name: 'b', limit: 255 }], names: { x: '1', y: '2' }, deep: [[1], []], maybe: 't', best: { name: 'z' }, lists: { a: [] } })).toBe(Buffer.from('k\u00e4y 2.0 true 123456789012 a7b255 x+y 2 text z 1').toString('latin1'))
  })

  test.each([
    ['{', 'configuration: line 1, column 2: a name in quotes was expected'],
    ['{"key": 1}', 'configuration.key: a text was expected'],
    ['{"kez": "a"}', 'configuration.kez: there is no such option; known are key, ratio, on, big, rules, names, deep, maybe, best, lists'],
    ['{"rules": [{"name": "a"}, {"name": "b", "limit": 256}]}', 'configuration.rules[1].limit: a whole number from 0 to 255 was expected'],
    ['{"rules": [{}]}', 'configuration.rules[0].name: it is missing'],
    ['{"names": {"a": true}}', 'configuration.names.a: a text was expected'],
    ['{"big": 1.5}', 'configuration.big: a whole number from -9223372036854775808 to 9223372036854775807 was expected'],
    ['{"deep": [1]}', 'configuration.deep[0]: a list was expected'],
    ['[]', 'configuration: an object was expected'],
    ['['.repeat(70), 'configuration: line 1, column 66: it is too deep'],
    ['{"key": "\\x"}', 'configuration: line 1, column 11: there is no such escape'],
    ['{"big": 01}', 'configuration: line 1, column 11: a value was expected'],
    ['{} {}', 'configuration: line 1, column 4: the end was expected'],
  ])('that is wrong is refused with its place: %s', async (configuration, why) => {
    await expect(load(configured, { configuration })).rejects.toThrow(why)
  })
})

describe('a plugin', () => {
  const ticking = `
@plugin export class Mine extends Plugin {
  ticks: i32 = 0
  queue: Queue | null = null
  onConfigure(): bool {
    this.queue = Queue.open('work')
    this.tickEvery(1000)
    return configuration() != 'bad'
  }
  onTick(): void { this.ticks++; this.call('clock', 'tick') }
  onCallResponse(tag: string, response: CallResponse): void { log.info(tag + ' ' + response.status.toString()) }
  onQueue(id: u32): void {
    const bytes = Queue.of(id).pop()
    if (bytes == null) return
    const held = filterOf<Held>(<u32>I32.parseInt(String.UTF8.decode(bytes.buffer)))
    if (held == null) log.info('gone')
    else held.resume()
  }
}
@filter export class Held extends HttpFilter {
  onRequestHeaders(end: bool): Action {
    this.request.headers.set('x-ticks', owner<Mine>().ticks.toString())
    if (!this.request.headers.has('x-hold')) return Action.Continue
    const queue = Queue.find('work')
    log.info('held ' + this.contextId.toString() + (queue == null ? ' no queue' : ''))
    return Action.Pause
  }
}`

  test('ticks, and calls services', async () => {
    const mine = await load(ticking)
    await mine.tick()
    await mine.answer({ status: 202 })
    await mine.tick()
    expect((await mine.request()).sent.headers['x-ticks']).toBe('2')
    expect(mine.logs.map(({ text }) => text)).toEqual(['tick 202'])
  })

  test('lets a request go on when a queue says so', async () => {
    const mine = await load(ticking)
    const stream = await mine.request({ headers: { 'x-hold': '1' } })
    expect(stream.outcome).toBe('paused')
    const id = /held (\d+)$/.exec(mine.logs[0]?.text ?? '')?.[1] ?? ''
    await mine.enqueue('work', id)
    expect(stream.outcome).toBe('passed')
    await stream.end()
    await mine.enqueue('work', id)
    expect(mine.logs.at(-1)?.text).toBe('gone')
  })

  test('refuses its configuration', async () => {
    await expect(load(ticking, { configuration: 'bad' })).rejects.toThrow()
  })
})

test('the filter of the README does what it says', async () => {
  const [, source = ''] = /```ts\n(.*?)```/s.exec(readFileSync(path.join(import.meta.dirname, '..', '..', 'sdk', 'README.md'), 'utf8')) ?? []
  const mine = await loadFilter(await compiled(source), { configuration: { token: 'known' } })
  expect((await mine.request()).reply).toMatchObject({ status: 401, body: 'who are you?\n' })
  expect((await mine.request({ headers: { 'x-token': 'known' } })).outcome).toBe('passed')
  const asked = await mine.request({ headers: { 'x-token': 'other' } })
  await mine.answer({ status: 403 })
  expect(asked.reply.status).toBe(403)
  expect(mine.logs.at(-1)?.text).toBe('authz says 403')
})

describe('what the host offers', () => {
  const offers = `
const seen = new Counter('seen')
const level = new Gauge('level')
const sizes = new Histogram('sizes')
class Add { constructor(public by: i32) {} }
${filter(`
  onRequestHeaders(end: bool): Action {
    seen.add()
    seen.add(2)
    level.set(5)
    level.add(-2)
    sizes.observe(7)
    const h = this.request.headers
    shared.update('sum', new Add(3), (old: Uint8Array | null, add: Add): Uint8Array | null => {
      const next = new Uint8Array(1)
      next[0] = <u8>((old == null ? 0 : old[0]) + add.by)
      return next
    })
    const first = shared.get('sum')!
    h.set('x-sum', first.bytes[0].toString())
    h.set('x-cas', shared.set('sum', first.bytes, first.version + 1000).toString() + ' ' + shared.set('sum', first.bytes, first.version).toString() + ' ' + (shared.get('nothing') == null).toString())
    h.set('x-values', seen.value.toString() + ' ' + level.value.toString())
    h.set('x-time', nowMs().toString())
    h.set('x-random', (random() != random()).toString())
    h.set('x-math', (Math.random() < 1).toString())
    h.set('x-props', property.text('source.address')! + ' ' + property.int('none', 9).toString() + ' ' + property.bool('connection.mtls', true).toString() + ' ' + (property.text('no.such') == null).toString() + ' ' + property.int('own.number').toString())
    property.set('own.text', 'kept')
    const answer = foreign('twice', 'ab')
    h.set('x-foreign', answer == null ? 'none' : String.UTF8.decode(answer.buffer))
    log.debug('the line of ' + this.expensive())
    h.set('x-built', this.built.toString())
    return Action.Continue
  }
  built: i32 = 0
  expensive(): string { this.built++; return 'x' }
  onLog(): void { log.warn('over ' + this.request.path) }`)}`

  test('is at hand: metrics, shared data, time, chance, properties, functions', async () => {
    const mine = await load(offers, { nowMs: 1_700_000_000_000, functions: { twice: (argument) => `${String(argument)}${String(argument)}` }, logLevel: 'info' })
    const stream = await mine.request({ path: '/p', clientAddress: '192.0.2.7', properties: { 'own.number': 42 } })
    expect(stream.sent.headers).toMatchObject({
      'x-sum': '3',
      'x-cas': 'false true true',
      'x-values': '3 3',
      'x-time': '1700000000000',
      'x-random': 'true',
      'x-math': 'true',
      'x-foreign': 'abab',
      'x-built': '0',
    })
    expect(stream.sent.headers['x-props']).toMatch(/^192\.0\.2\.7\S* 9 false true 42$/)
    expect(stream.property('own.text')?.toString()).toBe('kept')
    expect(mine.metrics).toMatchObject({ seen: 3, level: 3, sizes: [7] })
    await stream.end()
    expect(mine.logs.map(({ text }) => text)).toEqual(['over /p'])
  })

  test('builds a log line only where somebody wants it', async () => {
    const mine = await load(offers, { logLevel: 'debug' })
    expect((await mine.request()).sent.headers['x-built']).toBe('1')
    expect(mine.logs.map(({ text }) => text)).toEqual(['the line of x'])
  })

  test('does not grow with the number of requests', async () => {
    const mine = await load(offers)
    for (let i = 0; i < 200; i++) await (await mine.request({ headers: { 'x-big': 'v'.repeat(9_000) } })).end()
    const before = mine.memoryBytes
    for (let i = 0; i < 2_000; i++) await (await mine.request({ headers: { 'x-big': 'v'.repeat(9_000) } })).end()
    expect(mine.memoryBytes).toBe(before)
  })
})
