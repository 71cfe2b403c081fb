// What a thread's store promises: handles, limits, descriptors.
import { describe, expect, test } from 'vitest'
import { Metrics, type MetricDescriptor, type MetricFamily } from '../metrics.ts'

function familyOf(metrics: Metrics, name: string): MetricFamily | undefined {
  return metrics.collect().find((family) => family.name === name)
}

describe('handles', () => {
  test('a counter goes up and ignores what would take it down', () => {
    const counter = new Metrics().counter('c_total', 'help')
    counter.inc()
    counter.add(2.5)
    counter.add(-1)
    counter.add(Number.NaN)
    expect(counter.value).toBe(3.5)
  })

  test('a gauge is set and changed both ways', () => {
    const gauge = new Metrics().gauge('g', 'help')
    gauge.set(5)
    gauge.add(-7)
    expect(gauge.value).toBe(-2)
  })

  test('a histogram counts a value in the first bucket whose bound is not less', () => {
    const metrics = new Metrics()
    const histogram = metrics.histogram('h', 'help', [1, 2, 5])
    for (const value of [0, 1, 1.5, 2, 5, 5.1, Number.NaN]) histogram.observe(value)
    expect(familyOf(metrics, 'h')).toMatchObject({ bounds: [1, 2, 5], series: [{ buckets: [2, 2, 1, 1], count: 6, sum: 14.6 }] })
    expect([histogram.count, histogram.sum]).toEqual([6, 14.6])
  })

  test('the same name and labels give the same handle, in whatever order the labels stand', () => {
    const metrics = new Metrics()
    const first = metrics.counter('c_total', 'help', { route: 'a', service: 'b' })
    expect(metrics.counter('c_total', 'other words', { service: 'b', route: 'a' })).toBe(first)
    expect(metrics.counter('c_total', 'help', { route: 'b', service: 'a' })).not.toBe(first)
  })

  test('series that fill many pages keep their own numbers', () => {
    const metrics = new Metrics({ maxSeries: 2000 })
    const handles = Array.from({ length: 1500 }, (_, i) => metrics.histogram('h', 'help', [1, 2, 3], { n: String(i) }))
    handles.forEach((handle, i) => handle.observe(i))
    const series = familyOf(metrics, 'h')?.series ?? []
    expect(series.map((one) => ('sum' in one ? one.sum : -1))).toEqual(handles.map((_, i) => i))
  })
})

describe('declarations', () => {
  test.each([
    ['a name with a space', (m: Metrics) => m.counter('a b', '')],
    ['an empty name', (m: Metrics) => m.counter('', '')],
    ['a name that starts with a digit', (m: Metrics) => m.counter('1a', '')],
    ['a reserved label', (m: Metrics) => m.counter('a', '', { __name__: 'x' })],
    ['a label with a dash', (m: Metrics) => m.counter('a', '', { 'a-b': 'x' })],
    ['the label le on a histogram', (m: Metrics) => m.histogram('a', '', [1], { le: 'x' })],
    ['no bounds', (m: Metrics) => m.histogram('a', '', [])],
    ['bounds that do not ascend', (m: Metrics) => m.histogram('a', '', [1, 1])],
    ['an infinite bound', (m: Metrics) => m.histogram('a', '', [1, Infinity])],
    ['a hundred and one bounds', (m: Metrics) => m.histogram('a', '', Array.from({ length: 101 }, (_, i) => i))],
  ])('%s is refused', (_, declare) => {
    expect(() => declare(new Metrics())).toThrow(TypeError)
  })

  test.each([
    ['type', (m: Metrics) => m.gauge('a', '', { x: '1' })],
    ['labels', (m: Metrics) => m.counter('a', '', { y: '1' })],
    ['fewer labels', (m: Metrics) => m.counter('a', '')],
    ['more labels', (m: Metrics) => m.counter('a', '', { x: '1', y: '2' })],
  ])('a name declared again with another %s is refused', (_, declare) => {
    const metrics = new Metrics()
    metrics.counter('a', '', { x: '1' })
    expect(() => declare(metrics)).toThrow(TypeError)
  })

  test('names that a histogram writes are its own', () => {
    const metrics = new Metrics()
    metrics.histogram('h', '', [1])
    metrics.counter('i_count', '')
    expect(() => metrics.counter('h_count', '')).toThrow('belongs to the histogram h')
    expect(() => metrics.histogram('i', '', [1])).toThrow('i_count is taken')
  })

  test('a store takes only so many names', () => {
    const metrics = new Metrics({ maxFamilies: 2 })
    metrics.counter('a', '')
    metrics.counter('b', '')
    expect(() => metrics.counter('c', '')).toThrow(RangeError)
    expect(() => metrics.counter('b', '')).not.toThrow()
  })

  test('label values are cut at 256 characters and made well-formed', () => {
    const metrics = new Metrics()
    metrics.counter('c', '', { x: `\ud800${'a'.repeat(300)}` })
    expect(familyOf(metrics, 'c')?.series[0]?.labels).toEqual([`\ufffd${'a'.repeat(255)}`])
  })
})

describe('the limit on series', () => {
  test('series beyond the limit become one whose labels are "other", and are counted', () => {
    const metrics = new Metrics({ maxSeries: 2 })
    for (const route of ['a', 'b', 'c', 'd', 'a']) metrics.counter('c_total', 'help', { route }).inc()
    expect(familyOf(metrics, 'c_total')?.series).toEqual([
      { labels: ['a'], value: 2 },
      { labels: ['b'], value: 1 },
      { labels: ['other'], value: 2 },
    ])
    expect(familyOf(metrics, 'mesh_metrics_series_dropped_total')?.series).toEqual([{ labels: ['c_total'], value: 2 }])
  })

  test('each metric name has its own limit', () => {
    const metrics = new Metrics({ maxSeries: 1 })
    for (const name of ['a', 'b', 'c']) for (const x of ['1', '2']) metrics.counter(name, '', { x }).inc()
    expect(familyOf(metrics, 'c')?.series).toHaveLength(2)
    expect(familyOf(metrics, 'mesh_metrics_series_dropped_total')?.series).toHaveLength(3)
  })
})

describe('onDeclare', () => {
  test('a listener hears what was declared before it came, then what is new, each series after its page and family', () => {
    const metrics = new Metrics()
    metrics.counter('a', '', { x: '1' })
    const heard: MetricDescriptor[] = []
    const stop = metrics.onDeclare((descriptor) => heard.push(descriptor))
    metrics.counter('a', '', { x: '1' })
    metrics.counter('a', '', { x: '2' })
    stop()
    metrics.counter('a', '', { x: '3' })
    expect(heard.map((one) => one.kind)).toEqual(['family', 'page', 'series', 'series'])
  })

  test('a structured clone of the descriptors reads the same memory', () => {
    const metrics = new Metrics()
    const counter = metrics.counter('a', '')
    const heard: MetricDescriptor[] = []
    metrics.onDeclare((descriptor) => heard.push(structuredClone(descriptor)))
    counter.add(7)
    const page = heard.find((one) => one.kind === 'page')
    expect(new Float64Array(page?.buffer as SharedArrayBuffer)[0]).toBe(7)
  })
})
