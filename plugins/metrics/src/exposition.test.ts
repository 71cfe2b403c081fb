// The text is what Prometheus' rules say: read back by a parser that accepts nothing else, and by promtool where it is installed.
import { spawnSync } from 'node:child_process'
import { Metrics } from '@meshwright/core'
import { describe, expect, test } from 'vitest'
import { toExposition } from './exposition.ts'
import { processFamilies } from './process-metrics.ts'

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const namePattern = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const sampleLine = new RegExp(`^(${namePattern})(?:\\{(.*)\\})? (NaN|[+-]Inf|[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)$`)
const labelPair = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)/

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {}
  for (let rest = text; rest !== ''; ) {
    const match = labelPair.exec(rest)
    if (!match) throw new Error(`not a label: ${rest}`)
    const [whole, name, value] = match as unknown as [string, string, string]
    if (name in labels) throw new Error(`label twice: ${name}`)
    labels[name] = value.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
    rest = rest.slice(whole.length)
  }
  return labels
}

function toValue(text: string): number {
  return Number(text.replace('Inf', 'Infinity'))
}

/** Reads a text and throws on everything that a scraper may refuse. */
function parse(text: string): Sample[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line does not end')
  const types = new Map<string, string>()
  const helps = new Set<string>()
  const samples: Sample[] = []
  const seen = new Set<string>()
  const closed = new Set<string>()
  let current = ''
  for (const line of text.split('\n').slice(0, -1)) {
    const comment = new RegExp(`^# (HELP|TYPE) (${namePattern}) (.*)$`).exec(line)
    if (comment) {
      const [, word, name, rest] = comment as unknown as [string, string, string, string]
      if (name !== current) {
        if (closed.has(name)) throw new Error(`${name} is not in one block`)
        closed.add(current)
        current = name
      }
      if (word === 'TYPE' ? types.has(name) : helps.has(name)) throw new Error(`${word} twice: ${name}`)
      if (word === 'HELP') helps.add(name)
      else types.set(name, rest)
      if (word === 'TYPE' && !['counter', 'gauge', 'histogram'].includes(rest)) throw new Error(`not a type: ${rest}`)
      continue
    }
    const match = sampleLine.exec(line)
    if (!match) throw new Error(`not a sample: ${line}`)
    const [, name, labels = '', value] = match as unknown as [string, string, string | undefined, string]
    const stem = types.get(current) === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name
    if (stem !== current) throw new Error(`${name} stands in the block of ${current}`)
    const sample = { name, labels: parseLabels(labels), value: toValue(value) }
    const identity = JSON.stringify([name, Object.entries(sample.labels).toSorted(([a], [b]) => a.localeCompare(b))])
    if (seen.has(identity)) throw new Error(`sample twice: ${line}`)
    seen.add(identity)
    samples.push(sample)
  }
  for (const [name, type] of types) if (type === 'histogram') checkHistogram(name, samples)
  return samples
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples.filter((one) => one.name === `${name}_bucket`)) {
    const { le: _, ...labels } = sample.labels
    const key = JSON.stringify(labels)
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  for (const [key, buckets] of groups) {
    buckets.forEach(({ labels, value }, i) => {
      if (i === 0) return
      const before = buckets[i - 1] as Sample
      if (toValue(labels['le'] as string) <= toValue(before.labels['le'] as string)) throw new Error('le does not ascend')
      if (value < before.value) throw new Error('buckets are not cumulative')
    })
    const last = buckets.at(-1) as Sample
    const count = samples.find((one) => one.name === `${name}_count` && JSON.stringify(one.labels) === key)
    if (last.labels['le'] !== '+Inf' || last.value !== count?.value) throw new Error('no +Inf bucket equal to the count')
    if (!samples.some((one) => one.name === `${name}_sum` && JSON.stringify(one.labels) === key)) throw new Error('no sum')
  }
}

/** One of everything, with all that needs escaping. */
function everything(): Metrics {
  const metrics = new Metrics()
  metrics.counter('a_total', 'A back\\slash, a\nline and "quotes"', { route: 'x"y\\z\n', service: 'gr\u00fc\u00dfe' }).add(1e21)
  metrics.counter('a_total', '', { route: '', service: '{},=' }).add(0.25)
  metrics.gauge('g', 'No labels').set(-1.5e-9)
  metrics.gauge('inf', 'Infinite').set(-Infinity)
  const histogram = metrics.histogram('h_seconds', 'A histogram', [0.005, 1, 10], { route: 'a' })
  for (const value of [0.001, 0.005, 2, 100, 100]) histogram.observe(value)
  metrics.histogram('h_seconds', '', [0.005, 1, 10], { route: 'b' })
  metrics.histogram('plain', 'Without labels', [1]).observe(1)
  return metrics
}

describe('the text', () => {
  test('every value comes back, whatever stands in labels and help', () => {
    const samples = parse(toExposition(everything().collect()))
    expect(samples).toContainEqual({ name: 'a_total', labels: { route: 'x"y\\z\n', service: 'gr\u00fc\u00dfe' }, value: 1e21 })
    expect(samples).toContainEqual({ name: 'a_total', labels: { route: '', service: '{},=' }, value: 0.25 })
    expect(samples).toContainEqual({ name: 'g', labels: {}, value: -1.5e-9 })
    expect(samples).toContainEqual({ name: 'inf', labels: {}, value: -Infinity })
  })

  test('buckets are cumulative and end with +Inf, the sum and the count', () => {
    const metrics = new Metrics()
    const histogram = metrics.histogram('h', 'help', [0.5, 1], { route: 'a' })
    for (const value of [0.25, 0.75, 0.75, 7]) histogram.observe(value)
    expect(toExposition(metrics.collect())).toBe(
      [
        '# HELP h help',
        '# TYPE h histogram',
        'h_bucket{route="a",le="0.5"} 1',
        'h_bucket{route="a",le="1"} 3',
        'h_bucket{route="a",le="+Inf"} 4',
        'h_sum{route="a"} 8.75',
        'h_count{route="a"} 4',
        '',
      ].join('\n'),
    )
  })

  test('a histogram without labels has only le', () => {
    const metrics = new Metrics()
    metrics.histogram('h', 'help', [1])
    expect(toExposition(metrics.collect())).toContain('h_bucket{le="1"} 0\nh_bucket{le="+Inf"} 0\nh_sum 0\nh_count 0\n')
  })

  test('nothing to tell is an empty text', () => {
    expect(toExposition([])).toBe('')
  })

  test('the process tells its CPU time, memory and start', () => {
    const samples = parse(toExposition(processFamilies()))
    const valueOf = (name: string): number => samples.find((sample) => sample.name === name)?.value ?? Number.NaN
    expect(valueOf('process_cpu_seconds_total')).toBeGreaterThan(0)
    expect(valueOf('process_resident_memory_bytes')).toBeGreaterThan(1e6)
    expect(Math.abs(valueOf('process_start_time_seconds') - (Date.now() / 1000 - process.uptime()))).toBeLessThan(600)
  })
})

describe('the parser of these tests', () => {
  test.each([
    ['a missing line end', 'a 1', 'does not end'],
    ['a bad escape', '# TYPE a counter\na{b="\\x"} 1\n', 'not a label'],
    ['a value that is none', '# TYPE a counter\na one\n', 'not a sample'],
    ['a type twice', '# TYPE a counter\n# TYPE a counter\na 1\n', 'TYPE twice'],
    ['a sample twice', '# TYPE a counter\na 1\na 2\n', 'sample twice'],
    ['a name in two blocks', '# TYPE a counter\n# TYPE b counter\n# HELP a x\na 1\n', 'not in one block'],
    ['a sample outside its block', '# TYPE a counter\nb 1\n', 'stands in the block'],
    ['buckets that fall', '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n', 'not cumulative'],
    ['a histogram without +Inf', '# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 1\nh_count 2\n', 'no +Inf'],
  ])('refuses %s', (_, text, reason) => {
    expect(() => parse(text)).toThrow(reason)
  })
})

const promtool = spawnSync('promtool', ['--version']).status === 0

test.skipIf(!promtool)('promtool finds no fault in the text (skipped without promtool)', () => {
  // Its linter also has opinions on names, so the names here are conventional ones.
  const metrics = new Metrics()
  metrics.counter('mesh_requests_total', 'Exchanges "that" have\nended\\', { route: 'x"y\\z\n' }).inc()
  metrics.histogram('mesh_request_duration_seconds', 'Durations', [0.1, 1], { route: 'a' }).observe(3)
  metrics.gauge('mesh_connections', 'Open connections').set(2)
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: toExposition([...metrics.collect(), ...processFamilies()]), encoding: 'utf8' })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
})
