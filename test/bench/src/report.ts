// Turns a result into Markdown tables and keeps the last one in README.md.
import { readFileSync, writeFileSync } from 'node:fs'
import type { Micro, Result } from './sections.ts'
import type { IdleMemory } from './idle.ts'
import type { Summary } from './statistics.ts'

const readme = new URL('../README.md', import.meta.url)
const begin = '<!-- result: begin -->'
const end = '<!-- result: end -->'

/** All sections of a result, as Markdown. */
export function toTables(result: Result): string {
  const parts = [`Measured on ${result.date}, ${result.machine}; Node ${result.node.replace(/^v/, '')}. Median of ${result.rounds} rounds of ${result.seconds} s, each in a fresh process.`]
  if (result.small) parts.push('### Small requests', smallTable(result.small))
  if (result.filters) parts.push('### Empty filters, and everything on', filterTable(result.filters))
  if (result.wasm) for (const [how, found] of Object.entries(result.wasm)) parts.push(`### A filter that reads three request fields, adds two and removes one: ${how}`, filterTable(found))
  if (result.bodies) for (const [size, found] of Object.entries(result.bodies)) parts.push(`### Bodies of ${size}`, bodyTable(found))
  if (result.tls) for (const [what, found] of Object.entries(result.tls)) parts.push(`### TLS: ${what}`, bodyTable(found))
  if (result.idle && Object.keys(result.idle).length > 0) parts.push('### Idle connections', idleTable(result.idle))
  if (result.micro) parts.push('### Single functions', microTable(result.micro))
  return parts.join('\n\n')
}

/** Puts the tables between the markers of README.md. */
export function writeReadme(result: Result): void {
  const text = readFileSync(readme, 'utf8')
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < from) throw new Error('README.md has lost its markers')
  writeFileSync(readme, `${text.slice(0, from)}${begin}\n\n${toTables(result)}\n\n${text.slice(to)}`)
}

function smallTable(found: Readonly<Record<string, Summary>>): string {
  const ratio = (summary: Summary, name: string): string => times(summary.cpuUsPerRequest, found[name]?.cpuUsPerRequest)
  return table(
    ['proxy', 'CPU µs/request', 'spread', 'req/s', 'p50 ms', 'p99 ms', 'RSS MiB', '× nginx', '× @fastify/http-proxy'],
    Object.entries(found).map(([name, one]) => [name, ...figures(one), ratio(one, 'nginx'), ratio(one, 'fastify-http-proxy')]),
  )
}

function filterTable(found: Readonly<Record<string, Summary>>): string {
  const base = Object.values(found)[0]?.cpuUsPerRequest ?? NaN
  return table(
    ['proxy', 'CPU µs/request', 'spread', 'req/s', 'p50 ms', 'p99 ms', 'RSS MiB', 'more µs'],
    Object.entries(found).map(([name, one]) => [name, ...figures(one), (one.cpuUsPerRequest - base).toFixed(1)]),
  )
}

function bodyTable(found: Readonly<Record<string, Summary>>): string {
  const nginx = found['nginx']?.requestsPerSecond
  return table(
    ['proxy', 'CPU µs/request', 'spread', 'req/s', 'p50 ms', 'p99 ms', 'RSS MiB', 'peak MiB', 'throughput × nginx'],
    Object.entries(found).map(([name, one]) => [name, ...figures(one), mebibytes(one.peakBytes), times(one.requestsPerSecond, nginx)]),
  )
}

function idleTable(found: Readonly<Record<string, IdleMemory>>): string {
  return table(
    ['proxy', 'connections', 'RSS MiB', 'KiB per connection'],
    Object.entries(found).map(([name, one]) => [name, String(one.connections), mebibytes(one.rssBytes), (one.bytesPerConnection / 1024).toFixed(1)]),
  )
}

function microTable(found: readonly Micro[]): string {
  return table(['function', 'ns'], found.map((one) => [one.name, one.ns.toFixed(one.ns < 10 ? 1 : 0)]))
}

function figures(one: Summary): string[] {
  const [low, high] = one.cpuSpread
  return [one.cpuUsPerRequest.toFixed(1), `${low.toFixed(1)}–${high.toFixed(1)}`, String(Math.round(one.requestsPerSecond)), one.p50Ms.toFixed(2), one.p99Ms.toFixed(2), mebibytes(one.rssBytes)]
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)

const times = (value: number, base: number | undefined): string => (base === undefined ? '–' : (value / base).toFixed(2))

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}
