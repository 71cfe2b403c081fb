// Nanoseconds per call of a handle. Run: node --conditions=mw-source src/metrics/metrics.bench.ts
import { Metrics } from '../metrics.ts'

const calls = 20_000_000
const metrics = new Metrics()
const counters = Array.from({ length: 64 }, (_, i) => metrics.counter('c_total', 'help', { i: String(i) }))
const gauge = metrics.gauge('g', 'help')
const bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const histogram = metrics.histogram('h', 'help', bounds)
const values = Float64Array.from({ length: 1024 }, (_, i) => 0.0004 * 1.01 ** i)

const runs: Record<string, (i: number) => void> = {
  'counter.inc': (i) => (counters[i & 63] as (typeof counters)[number]).inc(),
  'counter.add': (i) => (counters[i & 63] as (typeof counters)[number]).add(i),
  'gauge.set': (i) => gauge.set(i),
  'histogram.observe, 2 ms': () => histogram.observe(0.002),
  'histogram.observe, 0.4 ms to 10 s': (i) => histogram.observe(values[i & 1023] as number),
}

for (const [name, run] of Object.entries(runs)) {
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) run(i)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / calls)
  }
  console.log(`${name.padEnd(36)} ${best.toFixed(1).padStart(6)} ns`)
}
