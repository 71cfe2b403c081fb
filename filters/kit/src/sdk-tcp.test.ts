// The SDK's class for TCP, compiled for real and run on the real host.
import { Buffer } from 'node:buffer'
import { loadFilter, type LoadFilterOptions, type TestFilter } from '@meshwright/wasm/testing'
import { describe, expect, test } from 'vitest'
import { compiled } from './index.ts'

const everything = 'Action, CallResponse, ClosedBy, configuration, Counter, Data, filterOf, log, now, owner, Plugin, property, Queue, settings, shared, TcpFilter, toText'
const imports = `import { ${everything} } from '@meshwright/filter-sdk'\n`

async function load(source: string, options: LoadFilterOptions = {}): Promise<TestFilter> {
  return loadFilter(await compiled(imports + source), { name: 'mine', fuelMs: 1_000, ...options })
}

const filter = (body: string): string => `@filter export class Mine extends TcpFilter {\n${body}\n}`
const goOn = 'return Action.Continue'

describe('a module', () => {
  test('exports what its class overrides', async () => {
    const exported = async (body: string): Promise<string[]> => (await load(filter(body), { protocol: 'TCP' })).phases.slice()
    expect(await exported('')).toEqual(['new connection'])
    expect(await exported(`onDownstreamData(data: Data, end: bool): Action { ${goOn} }`)).toEqual(['new connection', 'downstream data'])
  })

  test('is known as one for TCP', async () => {
    const mine = await load(filter(`onNewConnection(): Action { ${goOn} }`))
    await expect(mine.request()).rejects.toThrow('the filter was loaded for TCP')
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
})
