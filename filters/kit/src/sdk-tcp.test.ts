// The SDK's class for TCP, compiled for real and run on the real host.
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { loadFilter, type LoadFilterOptions, type TestFilter } from '@meshwright/wasm/testing'
import { describe, expect, test } from 'vitest'
import { compiled } from './index.ts'
import { tcpMeshWith } from './tcp-mesh.ts'

const everything = 'Action, CallResponse, ClosedBy, configuration, Counter, Data, filterOf, log, now, owner, Plugin, property, Queue, settings, shared, TcpFilter, toText'
const imports = `import { ${everything} } from '@meshwright/filter-sdk'\n`

async function load(source: string, options: LoadFilterOptions = {}): Promise<TestFilter> {
  return loadFilter(await compiled(imports + source), { name: 'mine', fuelMs: 1_000, ...options })
}

const filter = (body: string): string => `@filter export class Mine extends TcpFilter {\n${body}\n}`
const goOn = 'return Action.Continue'

describe('a module', () => {
  test('exports what its class overrides', async () => {
    const exported = async (body: string): Promise<string[]> => (await load(filter(body))).phases.slice()
    expect(await exported('')).toEqual(['new connection'])
    expect(await exported(`onDownstreamData(data: Data, end: bool): Action { ${goOn} }`)).toEqual(['new connection', 'downstream data'])
  })

  test('is known as one for TCP, whatever it overrides', async () => {
    const mine = await load(filter(`onLog(): void { log.info('over') }`))
    await expect(mine.request()).rejects.toThrow('the filter was loaded for TCP')
    const connection = await mine.connection()
    await connection.clientSends('a')
    expect(connection.sent.text).toBe('a')
    await connection.clientResets()
    expect(mine.logs).toEqual([{ level: 'info', text: 'over' }])
  })
})

describe('bytes', () => {
  const changing = filter(`
  onDownstreamData(data: Data, end: bool): Action {
    if (data.size < 3) return end ? Action.Continue : Action.Pause
    const text = data.text() + ' ' + data.size.toString() + ' ' + toText(data.bytes(1, 2)) + ' ' + (data === this.downstream).toString() + ' ' + this.upstream.size.toString()
    data.drain(1)
    data.append('>')
    data.prepend('<')
    data.append(' ' + text)
    return Action.Continue
  }
  onUpstreamData(data: Data, end: bool): Action {
    if (end) data.append('.')
    else data.replace(data.bytes(0, 2))
    return Action.Continue
  }`)

  test('are read and changed both ways, and gather while they are paused', async () => {
    const connection = await (await load(changing)).connection()
    await connection.clientSends('ab')
    expect(connection.pausedIn).toBe('downstream data')
    await connection.clientSends('cd')
    expect(connection.sent.text).toBe('<bcd> abcd 4 bc true 0')
    await connection.endpointSends(Buffer.from([0xff, 0xfe, 0x61]))
    await connection.endpointEnds()
    expect([...connection.received.bytes]).toEqual([0xff, 0xfe, 0x2e])
    await connection.clientSends('x')
    await connection.clientEnds()
    expect(connection).toMatchObject({ outcome: 'ended', sent: { text: '<bcd> abcd 4 bc true 0x', ended: true } })
  })

  test('may be more than the buffers of the SDK', async () => {
    const mine = await load(filter(`onDownstreamData(data: Data, end: bool): Action { const text = data.text(); data.drain(19990); data.prepend(data.bytes()); data.append(text); ${goOn} }`))
    const much = Array.from({ length: 2_000 }, (_, i) => String(i).padStart(10, '.')).join('')
    const connection = await (await mine.connection()).clientSends(much)
    expect(connection.sent.text).toBe('......1999......1999' + much)
  })

  test('are drained as far as there are any', async () => {
    const mine = await load(filter(`onDownstreamData(data: Data, end: bool): Action { data.drain(3); ${goOn} }\n  onUpstreamData(data: Data, end: bool): Action { data.replace(''); ${goOn} }`))
    const connection = await mine.connection()
    await connection.clientSends(['a', 'abc', 'abcd'])
    await connection.endpointSends('secret')
    expect([connection.sent.text, connection.received.text, connection.outcome]).toEqual(['d', '', 'open'])
  })

  test('of the endpoint gather while they are paused, and do not make those of the client wait', async () => {
    const mine = await load(filter(`onUpstreamData(data: Data, end: bool): Action { return data.size < 4 && !end ? Action.Pause : Action.Continue }`))
    const connection = await mine.connection()
    await connection.endpointSends('ab')
    expect(connection.pausedIn).toBe('upstream data')
    await connection.clientSends('x')
    expect([connection.sent.text, connection.received.text]).toEqual(['x', ''])
    await connection.endpointSends('cd')
    expect([connection.received.text, connection.outcome]).toEqual(['abcd', 'open'])
    await connection.endpointSends('e')
    await connection.endpointEnds()
    expect(connection.received).toMatchObject({ text: 'abcde', ended: true })
  })
})

describe('a connection', () => {
  test('is told of from its beginning to its end, with who has ended it', async () => {
    const mine = await load(
      filter(`
  @inline name(by: ClosedBy): string { return by == ClosedBy.Unknown ? 'Unknown' : by == ClosedBy.Local ? 'Local' : 'Remote' }
  onNewConnection(): Action { log.info('new ' + this.connection.source + ' ' + this.connection.destination + ' ' + this.connection.serverName + ' [' + this.connection.endpoint + ']'); ${goOn} }
  onDownstreamData(data: Data, end: bool): Action { log.info('down ' + data.size.toString() + ' ' + end.toString() + ' ' + this.connection.endpoint); ${goOn} }
  onUpstreamData(data: Data, end: bool): Action { log.info('up ' + data.size.toString() + ' ' + end.toString()); ${goOn} }
  onUpstreamClose(by: ClosedBy): void { log.info('endpoint closed: ' + this.name(by)) }
  onDownstreamClose(by: ClosedBy): void { log.info('closed: ' + this.name(by)) }
  onLog(): void { log.info('log ' + property.int('request.size').toString() + ' ' + property.int('response.size').toString()) }`),
    )
    const connection = await mine.connection({ client: '10.1.2.3:4000', listener: '10.0.0.1:443', endpoint: '10.0.0.9:80', serverName: 'shop.example' })
    await connection.clientSends('abc')
    await connection.endpointSends('de')
    await connection.endpointEnds()
    await connection.clientEnds()
    expect(mine.logs.map(({ text }) => text)).toEqual([
      'new 10.1.2.3:4000 10.0.0.1:443 shop.example []',
      'down 3 false 10.0.0.9:80',
      'up 2 false',
      'up 0 true',
      'endpoint closed: Unknown',
      'down 0 true 10.0.0.9:80',
      'closed: Remote',
      'log 3 2',
    ])
    await (await mine.connection()).endpointResets()
    expect(mine.logs.map(({ text }) => text)).toContain('closed: Local')
  })

  test('has an object of its own, until it is over', async () => {
    const mine = await load(`
@plugin export class Own extends Plugin {
  ids: u32[] = []
  onConfigure(): bool { this.tickEvery(50); return true }
  onTick(): void {
    let counts = ''
    for (let i = 0; i < this.ids.length; i++) {
      const found = filterOf<Mine>(this.ids[i])
      counts += found == null ? ' gone' : ' ' + found.count.toString()
    }
    log.info('counts' + counts)
  }
}
@filter export class Mine extends TcpFilter {
  count: i32 = 0
  onNewConnection(): Action { owner<Own>().ids.push(this.contextId); ${goOn} }
  onDownstreamData(data: Data, end: bool): Action { this.count += data.size; ${goOn} }
}`)
    const [one, two] = [await mine.connection(), await mine.connection()]
    await one.clientSends('a')
    await two.clientSends('bcd')
    await one.clientSends('e')
    await mine.tick()
    await one.clientResets()
    await mine.tick()
    expect(mine.logs.map(({ text }) => text)).toEqual(['counts 2 3', 'counts gone 3'])
  })

  test.each(['return this.close()', `this.close(); ${goOn}`])('is closed by "%s", and what this was about does not go on', async (close) => {
    const mine = await load(filter(`onDownstreamData(data: Data, end: bool): Action { if (data.text().includes('bad')) { ${close} } ${goOn} }\n  onUpstreamData(data: Data, end: bool): Action { if (data.text() == 'over') { ${close} } ${goOn} }`))
    const one = await mine.connection()
    await one.clientSends(['good', 'bad'])
    expect(one).toMatchObject({ outcome: 'closed', sent: { text: 'good' } })
    const two = await mine.connection()
    await two.endpointSends(['more', 'over'])
    expect(two).toMatchObject({ outcome: 'closed', received: { text: 'more' } })
  })

  test('that is closed at its beginning reaches no endpoint', async () => {
    const mine = await load(filter(`onNewConnection(): Action { return this.connection.source.startsWith('10.') ? this.close() : Action.Continue }`))
    const refused = await mine.connection({ client: '10.1.2.3:4000' })
    expect(refused.outcome).toBe('closed')
    await expect(refused.endpointSends('x')).rejects.toThrow('the connection is over: closed')
    expect((await mine.connection()).outcome).toBe('open')
  })

  test('keeps properties for filters behind', async () => {
    const mine = await load(filter(`onNewConnection(): Action { property.set('who', 'ada'); property.set('bytes', Uint8Array.wrap(new ArrayBuffer(2))); ${goOn} }\n  onDownstreamData(data: Data, end: bool): Action { data.append(property.text('who')! + (property.text('none') == null ? '!' : '')); ${goOn} }`))
    const connection = await (await mine.connection()).clientSends('x ')
    expect([connection.property('who')?.toString(), connection.property('bytes')?.length, connection.sent.text]).toEqual(['ada', 2, 'x ada!'])
  })
})

describe('a call', () => {
  const asking = filter(`
  onNewConnection(): Action { return this.call('authz', 'who', { method: 'POST', path: '/who', headers: [['x-from', this.connection.source]], body: 'new' }) }
  onDownstreamData(data: Data, end: bool): Action {
    if (data.text() == 'ask') return this.call('authz', 'bytes', { timeoutMs: 700 })
    return Action.Continue
  }
  onUpstreamData(data: Data, end: bool): Action {
    this.call('audit', 'seen', { body: data.text() })
    return Action.Continue
  }
  onCallResponse(tag: string, response: CallResponse): Action {
    log.info(tag + ' ' + response.ok.toString() + ' ' + response.status.toString() + ' ' + response.body.text() + ' ' + this.pending.toString())
    if (tag == 'bytes') {
      this.downstream.replace('[' + this.downstream.text() + ' ' + this.downstream.size.toString() + ']')
      if (response.status == 202) return Action.Pause
    }
    return response.status == 403 ? this.close() : Action.Continue
  }`)

  test('is waited for by a new connection', async () => {
    const mine = await load(asking)
    const connection = await mine.connection()
    await connection.clientSends('early')
    expect([connection.pausedIn, connection.sent.text]).toEqual(['new connection', ''])
    expect(mine.calls[0]).toMatchObject({ service: 'authz', method: 'POST', path: '/who', headers: { 'x-from': '127.0.0.1:50000' }, body: 'new' })
    await mine.answer({ body: 'ada' })
    expect([connection.outcome, connection.sent.text]).toEqual(['open', 'early'])
    expect(mine.logs.map(({ text }) => text)).toEqual(['who true 200 ada 0'])
  })

  test('closes a connection', async () => {
    const mine = await load(asking)
    const connection = await mine.connection()
    await mine.answer({ status: 403 })
    expect(connection.outcome).toBe('closed')
  })

  test('is waited for by bytes, which may then be changed', async () => {
    const mine = await load(asking, { onCall: ({ body }) => (body === 'new' ? {} : undefined) })
    const connection = await mine.connection()
    await connection.clientSends('ask')
    expect(connection.pausedIn).toBe('downstream data')
    await mine.answer({ status: 202 })
    expect(connection.pausedIn).toBe('downstream data')
    await connection.clientSends('!')
    expect(connection.sent.text).toBe('[ask 3]!')
    await connection.clientSends('ask')
    await mine.answer({ error: 'timeout' })
    expect(connection.sent.text).toBe('[ask 3]![ask 3]')
  })

  test('of bytes of the endpoint is made without waiting', async () => {
    const mine = await load(asking, { onCall: ({ service }) => (service === 'authz' ? {} : undefined) })
    const connection = await mine.connection()
    await connection.endpointSends('x')
    expect([connection.received.text, mine.calls.at(-1)?.body]).toEqual(['x', 'x'])
    await mine.answer({ body: 'noted' })
    expect(mine.logs.at(-1)?.text).toBe('seen true 200 noted 0')
  })

  test('that is refused is answered at once, with what is no answer', async () => {
    const mine = await load(asking, { services: [] })
    const connection = await mine.connection()
    await connection.clientSends('ask')
    await connection.endpointSends('x')
    expect([connection.outcome, connection.sent.text, connection.received.text]).toEqual(['open', '[ask 3]', 'x'])
    expect(mine.logs.map(({ text }) => text)).toEqual(['who false 0  0', 'bytes false 0  0', 'seen false 0  0'])
  })

  test('whose connection is over is not answered', async () => {
    const mine = await load(asking)
    await (await mine.connection()).clientResets()
    await mine.answer({ status: 403 })
    expect(mine.logs).toEqual([])
  })

  test('that is refused may close what made it', async () => {
    const mine = await load(filter(`onDownstreamData(data: Data, end: bool): Action { return this.call('none', 'a') }\n  onCallResponse(tag: string, response: CallResponse): Action { return response.ok ? Action.Continue : this.close() }`), { services: [] })
    expect(await (await mine.connection()).clientSends('x')).toMatchObject({ outcome: 'closed', sent: { text: '' } })
  })
})

describe('a plugin', () => {
  test('lets go what is held, in a tick, a queue and an answer', async () => {
    const mine = await load(`
@config export class Settings { @required word: string = '' }
@plugin export class Own extends Plugin {
  held: u32 = 0
  onConfigure(): bool { Queue.open('free'); this.tickEvery(50); return settings<Settings>().word != '' }
  go(): void { const found = filterOf<Mine>(this.held); if (found != null) found.free() }
  onTick(): void { this.go() }
  onQueue(id: u32): void { this.go() }
  onCallResponse(tag: string, response: CallResponse): void { this.go() }
}
@filter export class Mine extends TcpFilter {
  onDownstreamData(data: Data, end: bool): Action {
    owner<Own>().held = this.contextId
    if (data.text() == 'call') owner<Own>().call('s', 't')
    return Action.Pause
  }
  free(): void { this.downstream.append(settings<Settings>().word); this.resume() }
}`, { configuration: { word: '!' } })
    const connection = await mine.connection()
    await connection.clientSends('a')
    await mine.tick()
    expect(connection.sent.text).toBe('a!')
    await connection.clientSends('b')
    await mine.enqueue('free', 'x')
    expect(connection.sent.text).toBe('a!b!')
    await connection.clientSends('call')
    await mine.answer({})
    expect([connection.sent.text, connection.outcome]).toEqual(['a!b!call!', 'open'])
    await connection.clientEnds()
    expect(connection.sent.ended).toBe(false)
    await mine.tick()
    expect(connection.sent).toMatchObject({ text: 'a!b!call!!', ended: true })
  })

  test('refuses a configuration that is wrong', async () => {
    const source = `@config export class Settings { @required word: string = '' }\n${filter(`onNewConnection(): Action { return settings<Settings>().word == '' ? this.close() : Action.Continue }`)}`
    await expect(load(source, { configuration: {} })).rejects.toThrow('configuration.word')
  })
})

test.each(['inline', 'worker'] as const)('a listener of a real mesh carries bytes through it (%s), holds them, changes them and closes', async (isolation) => {
  const source = filter(`
  onNewConnection(): Action { property.set('who', this.connection.source); ${goOn} }
  onDownstreamData(data: Data, end: bool): Action {
    const text = data.text()
    if (text.includes('QUIT')) return this.close()
    if (!text.endsWith('\\n') && !end) return Action.Pause
    if (data.size > 0) data.prepend(property.text('who') == this.connection.source ? '> ' : '? ')
    return Action.Continue
  }
  onUpstreamData(data: Data, end: bool): Action {
    data.replace(data.text().toUpperCase())
    if (end) data.append('bye')
    return Action.Continue
  }`)
  const mesh = await tcpMeshWith({ module: await compiled(imports + source), isolation })
  const client = mesh.connect()
  client.socket.write('he')
  const endpoint = await mesh.accepted()
  endpoint.socket.write('welcome')
  await client.has('WELCOME')
  client.socket.write('llo\n')
  await endpoint.has('> hello\n')
  endpoint.socket.end()
  await client.ends()
  expect(client.text).toBe('WELCOMEbye')
  client.socket.end('rest')
  await endpoint.ends()
  expect(endpoint.text).toBe('> hello\n> rest')

  const closed = mesh.connect()
  const behind = await mesh.accepted()
  closed.socket.write('QUIT\n')
  await closed.ends()
  await behind.ends()
  expect([closed.text, behind.text]).toEqual(['', ''])
})

test('a listener of a real mesh keeps a connection from the endpoint that its filter closes at once', async () => {
  const mesh = await tcpMeshWith({ module: await compiled(imports + filter(`onNewConnection(): Action { return this.connection.source.startsWith('127.') ? this.close() : Action.Continue }`)) })
  const client = mesh.connect()
  await client.ends()
  expect(mesh.reached()).toBe(0)
})

test('the example of the README guards an endpoint', async () => {
  const readme = readFileSync(path.join(import.meta.dirname, '..', '..', 'sdk', 'README.md'), 'utf8')
  const example = [...readme.matchAll(/```ts\n([^]*?)```/g)].find(([, text = '']) => text.includes('extends TcpFilter'))?.[1]
  const mine = await loadFilter(await compiled(String(example)), { fuelMs: 1_000 })
  expect((await mine.connection()).outcome).toBe('closed')
  const connection = await mine.connection({ client: '10.1.2.3:50000' })
  await connection.clientSends(['GET a\r', '\n', 'FLUSH'])
  expect([connection.sent.text, connection.pausedIn]).toEqual(['GET a\r\n', 'downstream data'])
  await connection.clientSends('all\r\n')
  expect([connection.sent.text, connection.outcome, mine.metrics['redis_guard_refused']]).toEqual(['GET a\r\n', 'closed', 1])
  const other = await (await mine.connection({ client: '10.1.2.3:50001' })).clientEnds()
  expect([other.sent.ended, other.outcome]).toEqual([true, 'open'])
})

test('what resumes in its own callback is not paused', async () => {
  const mine = await load(filter('onNewConnection(): Action { this.resume(); return Action.Pause }\n  onDownstreamData(data: Data, end: bool): Action { this.resume(); return Action.Pause }'))
  const connection = await (await mine.connection()).clientSends('x')
  expect([connection.outcome, connection.sent.text]).toEqual(['open', 'x'])
})

test('bytes of the client that are held are let go by bytes of the endpoint', async () => {
  const mine = await load(filter(`onDownstreamData(data: Data, end: bool): Action { return Action.Pause }\n  onUpstreamData(data: Data, end: bool): Action { this.resume(); ${goOn} }`))
  const connection = await (await mine.connection()).clientSends('x')
  expect(connection.sent.text).toBe('')
  await connection.endpointSends('220 hello')
  expect([connection.sent.text, connection.received.text, connection.outcome]).toEqual(['x', '220 hello', 'open'])
})

test('connections are counted, and their sums shared', async () => {
  const mine = await load(`const opened = new Counter('opened')\n${filter(`onNewConnection(): Action { opened.add(); shared.update('n', 0, (old: Uint8Array | null, _context: i32): Uint8Array | null => { const n = new Uint8Array(1); n[0] = old == null ? 1 : old[0] + 1; return n }); ${goOn} }`)}`)
  await mine.connection()
  await mine.connection()
  expect(mine.metrics).toEqual({ opened: 2 })
  expect(mine.sharedData.text('n')).toBe('\u0002')
})

test('a filter that fails says where in the log', async () => {
  const mine = await load(filter(`onDownstreamData(data: Data, end: bool): Action { return <Action>property.text('none')!.length }`))
  await expect((await mine.connection()).clientSends('x')).rejects.toThrow(/mine/)
  expect(mine.logs.at(-1)).toMatchObject({ level: 'critical', text: expect.stringMatching(/^assembly\/index\.ts:3:\d+: Unexpected 'null'/) })
})
