// What shared data and queues cost. Run: npx vitest bench plugins/wasm/src/shared
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { TableData } from './data.ts'
import { queueBytes, TableQueues } from './queues.ts'

const rounds = 1_000
const data = new TableData(new SharedArrayBuffer(16 * 1_048_576), () => {})
const keys = Array.from({ length: 1_000 }, (_, i) => `bucket:198.51.100.${i}`)
const values = { 16: Buffer.alloc(16, 1), 1024: Buffer.alloc(1024, 1) }
for (const key of keys) data.set(key, values[16], 0)

test(`data and queues of one thread (ms divided by ${rounds} is the cost of one)`, async ({ bench }) => {
  const queues = new TableQueues(new SharedArrayBuffer(queueBytes), () => {})
  const id = queues.register('', 'bench', () => {}) as number
  const all: Record<string, () => void> = {
    'get of 16 bytes': () => void data.get('bucket:198.51.100.7'),
    'get of nothing': () => void data.get('bucket:198.51.100.none'),
    'set of 16 bytes': () => void data.set('bucket:198.51.100.7', values[16], 0),
    'set of 1024 bytes': () => void data.set('bucket:198.51.100.8', values[1024], 0),
    'get of 1024 bytes': () => void data.get('bucket:198.51.100.8'),
    'put and take of 100 bytes': () => {
      queues.enqueue(id, values[1024].subarray(0, 100))
      queues.dequeue(id)
    },
  }
  for (const [name, work] of Object.entries(all)) {
    const { latency } = await bench(name, () => {
      for (let i = 0; i < rounds; i++) work()
    }).run()
    console.log(`${name}: ${((latency.mean * 1e6) / rounds).toFixed(0)} ns`)
    expect(latency.mean / rounds, 'ms').toBeLessThan(0.05)
  }
  queues.close()
})
