// Turns a result into Markdown tables, each with how and when it was measured.
import { readFileSync, writeFileSync } from 'node:fs'
import { withTables, type Section } from './result-text.ts'
import type { Micro, Result } from './sections.ts'
import type { Row, Table } from './sections/cpu.ts'
import type { Latencies, Percentiles } from './sections/latency.ts'
import type { IdleTable, VmMemory } from './sections/memory.ts'
import type { Swaps } from './sections/swap.ts'
import type { Comparison, Spread } from './statistics.ts'

const readme = new URL('../README.md', import.meta.url)
/** README.md says it once, above all tables. */
const legend = 'In brackets: the middle half of all slices; ±: two standard errors of the median before it.'

/** A column of figures after those of CPU. */
interface Column {
  readonly title: string
  readonly of: (row: Row) => string
}

/** All sections of a result, as Markdown, and what could not be measured. */
export function toTables(result: Result): string {
  const failed = result.failed.length > 0 ? ['### What could not be measured', result.failed.join('\n')] : []
  return [`${method(result)} ${legend}`, ...sectionsOf(result).flatMap(([title, text]) => [`### ${title}`, text]), ...failed].join('\n\n')
}

/** Puts the tables into README.md, in the place of those that it has of the same; the others stay as they are. */
export function writeReadme(result: Result): void {
  const measured = method(result)
  const sections = sectionsOf(result).map(([title, text]): Section => [title, `${text}\n\n${measured}`])
  writeFileSync(readme, withTables(readFileSync(readme, 'utf8'), sections))
}

/** How busy the machine was shows in what the same small request cost nginx. */
function method({ date, machine, node, turns, small }: Result): string {
  const nginx = small?.['nginx']
  return (
    `Measured on ${date}, ${machine}; Node ${node.replace(/^v/, '')}. By turns of ${turns.sliceMs} ms, up to ${turns.passes} of each in each of up to ${turns.generations} fresh processes` +
    `${nginx === undefined ? '' : `; a small request cost nginx ${figure(nginx.cpuUsPerRequest)} µs`}.`
  )
}

function sectionsOf(result: Result): Section[] {
  const { small, filters, wasm, bodies, tls, latency, idle, upstream, vms, swap, micro } = result
  return [
    ...(small ? [['Small requests', cpuTable(small, [rss, timesOf('nginx', '× nginx'), timesOf('fastify-http-proxy', '× @fastify/http-proxy')])] as const] : []),
    ...(filters ? [['Empty filters, and everything on', cpuTable(filters, [rss, moreThan('meshwright')])] as const] : []),
    ...Object.entries(wasm ?? {}).map(([how, found]) => [`A filter that reads three request fields, adds two and removes one: ${how}`, cpuTable(found, [rss, moreThan('without a filter')])] as const),
    ...Object.entries(bodies ?? {}).map(([size, found]) => [`Bodies of ${size}`, cpuTable(found, [rss, peak, timesOf('nginx', '× nginx'), throughputOf('nginx')])] as const),
    ...Object.entries(tls ?? {}).map(([what, found]) => [`TLS: ${what}`, cpuTable(found, [rss, timesOf('nginx', '× nginx'), throughputOf('nginx')])] as const),
    ...(latency ? [[`Latency with ${latency.connections} connections`, latencyTables(latency)] as const] : []),
    ...(idle && Object.keys(idle).length > 0 ? [['Idle connections of clients', idleTable(idle)] as const] : []),
    ...(upstream ? [['Idle connections to one endpoint', idleTable(upstream)] as const] : []),
    ...(vms ? [['VMs of the filter header-rewrite', vmTable(vms)] as const] : []),
    ...(swap ? [['A WASM filter is replaced under load', swapTable(swap)] as const] : []),
    ...(micro ? [['Single functions', microTable(micro)] as const] : []),
  ]
}

const rss: Column = { title: 'RSS MiB', of: (row) => mebibytes(row.rssBytes) }
const peak: Column = { title: 'peak MiB', of: (row) => mebibytes(row.peakBytes) }
const timesOf = (name: string, title: string): Column => ({ title, of: (row) => compared(row.beside[name], ({ times }) => times, 2) })
const moreThan = (name: string): Column => ({ title: 'more µs', of: (row) => compared(row.beside[name], ({ moreUs }) => moreUs, 1) })
const throughputOf = (name: string): Column => ({ title: `throughput × ${name}`, of: (row) => compared(row.beside[name], ({ throughput }) => throughput, 2) })

function cpuTable(found: Table, columns: readonly Column[]): string {
  const rows = Object.entries(found).map(([name, row]) => [name, figure(row.cpuUsPerRequest), spread(row.cpu, row.cpuUsPerRequest >= 1000 ? 0 : 1), String(Math.round(row.requestsPerSecond)), ...columns.map((column) => column.of(row))])
  return table(['proxy', 'CPU µs/request', 'median', 'req/s', ...columns.map(({ title }) => title)], rows)
}

function latencyTables({ rate, connections, lateP99Ms, proxies }: Latencies): string {
  const saturated = Object.entries(proxies).map(([name, { saturated: one }]) => [name, String(Math.round(one.requestsPerSecond)), ...percentiles(one)])
  const fixed = Object.entries(proxies).map(([name, { fixed: one }]) => [name, ...percentiles(one), `${one.p99Spread[0].toFixed(2)}–${one.p99Spread[1].toFixed(2)}`])
  return [
    'As fast as each can: with wrk, which sends the next request of a connection when the last one is answered. This says how long the queue is that the load itself makes.',
    table(['proxy', 'req/s', 'p50 ms', 'p99 ms', 'p99.9 ms'], saturated),
    `At ${rate} requests per second on ${connections} connections, half of what the slowest of them can, from when each was due. The load generator itself was up to ${lateP99Ms.toFixed(2)} ms late with 99 % of them.`,
    table(['proxy', 'p50 ms', 'p99 ms', 'p99.9 ms', 'p99 of the rounds'], fixed),
  ].join('\n\n')
}

function idleTable(found: IdleTable): string {
  return table(
    ['proxy', 'connections', 'RSS MiB', 'KiB per connection'],
    Object.entries(found).map(([name, one]) => [name, String(one.connections), mebibytes(one.rssBytes), (one.bytesPerConnection / 1024).toFixed(1)]),
  )
}

function vmTable(found: Readonly<Record<string, readonly VmMemory[]>>): string {
  const rows = Object.entries(found).flatMap(([how, several]) => several.map((one) => [how, String(one.vms), mebibytes(one.rssBytes), one.vms === 0 ? '–' : (one.bytesPerVm / 1024).toFixed(0)]))
  return table(['how', 'VMs', 'RSS MiB', 'KiB for the first, or each beyond it'], rows)
}

function swapTable({ rate, swaps, everyMs, calm, swapping }: Swaps): string {
  const rows = [
    ['none', String(calm.requests), '0', ...percentiles(calm)],
    [`${swaps}, one each ${everyMs} ms`, String(swapping.requests), String(swapping.lost), ...percentiles(swapping)],
  ]
  return [`At ${rate} requests per second; each swap loads a module that was not there before.`, table(['swaps', 'requests', 'lost', 'p50 ms', 'p99 ms', 'p99.9 ms'], rows)].join('\n\n')
}

function microTable(found: readonly Micro[]): string {
  return table(['function', 'ns'], found.map((one) => [one.name, one.ns.toFixed(one.ns < 10 ? 1 : 0)]))
}

const figure = (us: number): string => us.toFixed(us >= 1000 ? 0 : 1)

const percentiles = ({ p50, p99, p999 }: Percentiles): string[] => [p50, p99, p999].map((ms) => ms.toFixed(2))

function compared(comparison: Comparison | undefined, of: (comparison: Comparison) => Spread, digits: number): string {
  if (comparison === undefined) return '–'
  const { median, margin, quartiles } = of(comparison)
  return `${median.toFixed(digits)} ± ${margin.toFixed(digits)} (${quartiles.map((value) => value.toFixed(digits)).join('–')})`
}

const spread = ({ median, quartiles: [low, high] }: Spread, digits: number): string => `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}
