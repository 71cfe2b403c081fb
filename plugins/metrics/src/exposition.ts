// Prometheus' text format: writes metric families as a scraper reads them.
import type { HistogramSeries, MetricFamily, ValueSeries } from '@meshwright/core'

/** What GET /metrics answers with. */
export const expositionContentType = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * One text for all families; each name's HELP and TYPE stand once, before its samples.
 * @source Prometheus, "Exposition formats", text format 0.0.4
 */
export function toExposition(families: readonly MetricFamily[]): string {
  return families.map(toBlock).join('')
}

function toBlock(family: MetricFamily): string {
  const lines = [`# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n`]
  if (family.type === 'histogram') for (const series of family.series) lines.push(histogramLines(family.name, family.labelNames, family.bounds, series))
  else for (const series of family.series) lines.push(valueLine(family.name, family.labelNames, series))
  return lines.join('')
}

function valueLine(name: string, labelNames: readonly string[], { labels, value }: ValueSeries): string {
  return `${name}${braced(pairs(labelNames, labels))} ${toNumber(value)}\n`
}

function histogramLines(name: string, labelNames: readonly string[], bounds: readonly number[], series: HistogramSeries): string {
  const own = pairs(labelNames, series.labels)
  const before = own === '' ? '' : `${own},`
  let below = 0
  let text = ''
  series.buckets.forEach((count, i) => {
    below += count
    text += `${name}_bucket{${before}le="${toNumber(bounds[i] ?? Infinity)}"} ${below}\n`
  })
  return `${text}${name}_sum${braced(own)} ${toNumber(series.sum)}\n${name}_count${braced(own)} ${series.count}\n`
}

function pairs(names: readonly string[], values: readonly string[]): string {
  return names.map((name, i) => `${name}="${escapeLabel(values[i] ?? '')}"`).join(',')
}

function braced(text: string): string {
  return text === '' ? '' : `{${text}}`
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}

function toNumber(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}
