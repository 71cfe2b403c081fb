// What is tried on TCP listeners of both proxies with filters that are written with the SDK.
import { FilterCompiler, formatDiagnostic } from '@meshwright/filter-sdk'
import { ends, hears, hearsEnd, noted, resets, says, type Move, type TcpScenario } from './kit/tcp-scenario.ts'

const imports = `import { Action, CallResponse, ClosedBy, Counter, Data, filterOf, log, owner, Plugin, property, Queue, settings, shared, TcpFilter } from '@meshwright/filter-sdk'\n`

/** Writes down all that it is told. */
const telling = `
  onDownstreamClose(by: ClosedBy): void { log.info('@@closed ' + by.toString()) }
  onUpstreamClose(by: ClosedBy): void { log.info('@@endpoint closed ' + by.toString()) }
  onLog(): void { log.info('@@on_log ' + (property.int('source.port') > 0).toString()) }`

const changing = `
@filter export class Changing extends TcpFilter {
  onNewConnection(): Action {
    property.set('who', this.connection.source)
    log.info('@@new ' + this.connection.source.startsWith('127.0.0.1:').toString() + ' ' + this.connection.destination.startsWith('127.0.0.1:').toString() + ' [' + this.connection.serverName + '] [' + this.connection.endpoint + ']')
    return Action.Continue
  }
  onDownstreamData(data: Data, end: bool): Action {
    log.info('@@down ' + data.size.toString() + ' ' + end.toString() + ' ' + data.text() + ' ' + data.bytes(1, 2).toString() + ' ' + this.upstream.size.toString() + ' ' + (property.text('who') == this.connection.source).toString() + ' ' + this.connection.endpoint.startsWith('127.0.0.1:').toString())
    if (data.size < 4 && !end) return Action.Pause
    if (end) return Action.Continue
    log.info('@@' + data.drain(1).toString() + data.append('>').toString() + data.prepend('<').toString() + this.upstream.append('x').toString() + ' ' + data.text())
    return Action.Continue
  }
  onUpstreamData(data: Data, end: bool): Action {
    log.info('@@up ' + data.size.toString() + ' ' + end.toString() + ' ' + data.text() + ' ' + this.downstream.size.toString())
    if (data.size < 4 && !end) return Action.Pause
    if (end) data.append('bye')
    else data.replace(Uint8Array.wrap(String.UTF8.encode(data.text().toUpperCase())))
    return Action.Continue
  }${telling}
}`

const calling = `
const answered = new Counter('answered')
@config export class Settings { @required service: string = '' }
@filter export class Calling extends TcpFilter {
  onNewConnection(): Action { return this.ask('new') }
  onDownstreamData(data: Data, end: bool): Action { return data.text() == 'ask' ? this.ask('bytes') : data.text() == 'refused' ? this.call('nobody', 'refused') : Action.Continue }
  onUpstreamData(data: Data, end: bool): Action {
    if (data.text() == 'tell') this.ask('told')
    return Action.Continue
  }
  ask(tag: string): Action { return this.call(settings<Settings>().service, tag, { method: 'POST', path: '/called', authority: 'auth.example', body: tag }) }
  onCallResponse(tag: string, response: CallResponse): Action {
    answered.add()
    log.info('@@answer to ' + tag + ' ' + response.ok.toString() + ' ' + response.status.toString() + ' ' + (response.body.size > 0).toString() + ' ' + this.pending.toString() + ' [' + this.downstream.text() + ']')
    if (tag == 'bytes') this.downstream.replace('answered')
    if (tag == 'refused') this.downstream.drain(2)
    return tag == 'told' ? this.close() : Action.Continue
  }${telling}
}`

const closing = `
@filter export class Closing extends TcpFilter {
  onDownstreamData(data: Data, end: bool): Action { return data.text().startsWith('quit') ? this.close() : Action.Continue }
  onUpstreamData(data: Data, end: bool): Action { return data.text().startsWith('quit') ? this.close() : Action.Continue }${telling}
}`

const refusing = `
@filter export class Refusing extends TcpFilter {
  onNewConnection(): Action { return this.close() }${telling}
}`

const ticking = `
@plugin export class Own extends Plugin {
  held: u32 = 0
  onConfigure(): bool { Queue.open('held'); this.tickEvery(20); return true }
  onTick(): void { const found = filterOf<Ticking>(this.held); if (found != null) found.free('t') }
}
@filter export class Ticking extends TcpFilter {
  onDownstreamData(data: Data, end: bool): Action {
    if (data.size == 0) return Action.Continue
    owner<Own>().held = this.contextId
    return Action.Pause
  }
  free(mark: string): void {
    if (this.downstream.size == 0) return
    owner<Own>().held = 0
    this.downstream.append(mark)
    this.resume()
  }${telling}
}`

/** The endpoint ends first, then the client; the last is what the guest writes down of it. */
const goodbye: readonly Move[] = [ends('endpoint'), hearsEnd('client'), ends('client'), hearsEnd('endpoint'), noted('on_log')]

const compiler = new FilterCompiler()

async function guest(source: string): Promise<Uint8Array> {
  const { wasm, diagnostics } = await compiler.compile({ files: { 'assembly/index.ts': imports + source } })
  if (wasm === undefined) throw new Error(diagnostics.map(formatDiagnostic).join('\n'))
  return wasm
}

async function scenario(name: string, source: string, connection: readonly Move[], configuration?: object): Promise<TcpScenario> {
  return { name: `the SDK: ${name}`, filters: [{ module: await guest(source), ...(configuration && { configuration }) }], connections: [connection], ends: 0 }
}

export const sdkTcpScenarios: readonly TcpScenario[] = [
  await scenario('bytes are read, held and changed', changing, [
    says('client', 'ab'), noted('down 2'), says('client', 'cd'), hears('endpoint', '<bcd>'),
    says('endpoint', 'we'), noted('up 2'), says('endpoint', 'lcome'), hears('client', 'WELCOME'),
    ends('endpoint'), hearsEnd('client'), hears('client', 'WELCOMEbye'), says('client', 'x'), noted('down 1'), ends('client'), hears('endpoint', '<bcd>x'), hearsEnd('endpoint'), noted('on_log'),
  ]),
  await scenario('a new connection and bytes wait for calls', calling, [says('client', 'early'), hears('endpoint', 'early'), says('client', 'ask'), hears('endpoint', 'earlyanswered'), says('client', 'refused'), hears('endpoint', 'earlyansweredfused'), says('endpoint', 'x'), hears('client', 'x'), ...goodbye], { service: 'app' }),
  await scenario('an answer closes', calling, [says('client', 'early'), hears('endpoint', 'early'), says('endpoint', 'tell'), hearsEnd('client'), ends('client'), hearsEnd('endpoint'), noted('on_log')], { service: 'app' }),
  await scenario('bytes of the client close', closing, [says('client', 'x'), hears('endpoint', 'x'), says('client', 'quit'), hearsEnd('client'), ends('client'), hearsEnd('endpoint'), noted('on_log')]),
  await scenario('bytes of the endpoint close', closing, [says('endpoint', 'x'), hears('client', 'x'), says('endpoint', 'quit'), hearsEnd('client'), ends('client'), hearsEnd('endpoint'), noted('on_log')]),
  await scenario('a new connection is closed', refusing, [hearsEnd('client'), ends('client'), noted('on_log')]),
  await scenario('a client breaks off', closing, [says('client', 'x'), hears('endpoint', 'x'), resets('client'), hearsEnd('endpoint'), noted('on_log')]),
  await scenario('what is held goes on in a tick', ticking, [says('client', 'a'), hears('endpoint', 'at'), says('client', 'b'), hears('endpoint', 'atbt'), ...goodbye]),
]
await compiler.close()
