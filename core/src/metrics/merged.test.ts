// What the supervisor sees of several threads' stores.
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { MergedMetrics, Metrics, type MetricDescriptor, type MetricFamily } from '../metrics.ts'

function store(merged: MergedMetrics, source: string): Metrics {
  const metrics = new Metrics()
  metrics.onDeclare((descriptor) => merged.attach(source, [structuredClone(descriptor)]))
  return metrics
}

function seriesOf(merged: MergedMetrics, name: string): MetricFamily['series'] | undefined {
  return merged.collect().find((family) => family.name === name)?.series
}

test('counters and histograms are summed by name and labels', () => {
  const merged = new MergedMetrics()
  for (const source of ['w1', 'w2']) {
    const metrics = store(merged, source)
    metrics.counter('c_total', '', { route: 'a' }).add(2)
    metrics.counter('c_total', '', { route: source }).inc()
    metrics.histogram('h', '', [1, 2]).observe(source === 'w1' ? 0.5 : 9)
  }
  expect(seriesOf(merged, 'c_total')).toEqual([
    { labels: ['a'], value: 4 },
    { labels: ['w1'], value: 1 },
    { labels: ['w2'], value: 1 },
  ])
  expect(seriesOf(merged, 'h')).toEqual([{ labels: [], buckets: [1, 0, 1], count: 2, sum: 9.5 }])
})

test('gauges are summed, or give the greatest where declared so', () => {
  const merged = new MergedMetrics()
  const [one, two] = [store(merged, 'w1'), store(merged, 'w2')]
  one.gauge('open', '').set(3)
  two.gauge('open', '').set(4)
  one.gauge('lag', '', {}, 'max').set(-3)
  two.gauge('lag', '', {}, 'max').set(-4)
  expect(seriesOf(merged, 'open')).toEqual([{ labels: [], value: 7 }])
  expect(seriesOf(merged, 'lag')).toEqual([{ labels: [], value: -3 }])
})

test('what a thread counted stays when it ends, and its gauges vanish', () => {
  const merged = new MergedMetrics()
  const metrics = store(merged, 'w1')
  metrics.counter('c_total', '').add(5)
  metrics.histogram('h', '', [1]).observe(3)
  metrics.gauge('g', '').set(9)
  merged.retire('w1')
  merged.retire('w1')
  expect(seriesOf(merged, 'c_total')).toEqual([{ labels: [], value: 5 }])
  expect(seriesOf(merged, 'h')).toEqual([{ labels: [], buckets: [0, 1], count: 1, sum: 3 }])
  expect(seriesOf(merged, 'g')).toBeUndefined()
})

test('a thread that takes the place of another goes on from what was counted', () => {
  const merged = new MergedMetrics()
  for (let life = 0; life < 3; life++) {
    store(merged, 'w1').counter('c_total', '').add(5)
    merged.retire('w1')
  }
  store(merged, 'w1').counter('c_total', '').inc()
  expect(seriesOf(merged, 'c_total')).toEqual([{ labels: [], value: 16 }])
})

test('what is kept of ended threads is bounded, and nothing is lost', () => {
  const merged = new MergedMetrics(2)
  for (const route of ['a', 'b', 'c', 'd']) {
    store(merged, route).counter('c_total', '', { route }).inc()
    merged.retire(route)
  }
  expect(seriesOf(merged, 'c_total')).toEqual([
    { labels: ['a'], value: 1 },
    { labels: ['b'], value: 1 },
    { labels: ['other'], value: 2 },
  ])
})

test('of two declarations of one name the first attached is shown', () => {
  const merged = new MergedMetrics()
  store(merged, 'w1').histogram('h', '', [1]).observe(0)
  store(merged, 'w2').histogram('h', '', [2]).observe(0)
  expect(seriesOf(merged, 'h')).toEqual([{ labels: [], buckets: [1, 0], count: 1, sum: 0 }])
})

test('a series that comes before its page is refused', () => {
  const merged = new MergedMetrics()
  const family = { name: 'a', type: 'counter', help: '', labelNames: [], bounds: [], merge: 'sum' } as const
  expect(() => merged.attach('w1', [{ kind: 'family', family }, { kind: 'series', name: 'a', labels: [], page: 0, at: 0 }])).toThrow('before its page')
})

test('a store merged into others collects for all of them', () => {
  const merged = new MergedMetrics()
  const own = new Metrics()
  own.mergeInto(merged, 'main')
  own.counter('c_total', '').inc()
  store(merged, 'w1').counter('c_total', '').inc()
  expect(own.collect()).toMatchObject([{ name: 'c_total', series: [{ labels: [], value: 2 }] }])
})

test('a real thread counts and this one reads without asking it', async () => {
  const source = `
    import { parentPort } from 'node:worker_threads'
    import { Metrics } from ${JSON.stringify(new URL('../metrics.ts', import.meta.url).href)}
    const metrics = new Metrics()
    const counter = metrics.counter('c_total', '')
    metrics.onDeclare((descriptor) => parentPort.postMessage([descriptor]))
    for (let i = 0; i < 1000; i++) counter.inc()
    parentPort.postMessage([])
    parentPort.once('message', () => {})
  `
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
  const merged = new MergedMetrics()
  await new Promise<void>((resolve, reject) => {
    worker.on('error', reject)
    worker.on('message', (descriptors: MetricDescriptor[]) => (descriptors.length === 0 ? resolve() : merged.attach('w1', descriptors)))
  })
  expect(seriesOf(merged, 'c_total')).toEqual([{ labels: [], value: 1000 }])
  await worker.terminate()
})
