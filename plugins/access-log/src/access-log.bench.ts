// What a line costs: on the path of the request, and in all. Run: node --conditions=mw-source src/access-log.bench.ts
import { setImmediate as turn } from 'node:timers/promises'
import { Endpoint, Exchange, Headers, Request, Response, type Route, type Service } from '@meshwright/core'
import { pino } from 'pino'
import { accessLog } from './access-log.ts'

const request = new Request({
  method: 'GET', path: '/users/1234567', query: '', hasQuery: false, authority: 'shop.example', scheme: 'http', version: '1.1',
  headers: Headers.from({ 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)', accept: '*/*' }),
  peerAddress: '127.0.0.1', clientAddress: '127.0.0.1', id: 'b7c2a1f0-1f0c-4b62-9e39-10a2b3c4d5e6', upgrade: undefined, expectContinue: false,
})
const exchange = new Exchange(request, undefined, { name: 'users' } as Route, 'public', 1000.123)
exchange.service = { name: 'users' } as Service
exchange.endpoint = new Endpoint({ host: '127.0.0.1', port: 9001 })
exchange.response = new Response(200, 'OK', Headers.from({ 'content-type': 'text/plain' }))
exchange.attempt = 1
exchange.attemptMs = 1000.2
exchange.headersMs = 1001.234
exchange.endedMs = 1001.345

const perTurn = 32
const exchanges = 640_000

async function cpuPerLine(line: () => void): Promise<{ path: number; total: number }> {
  let spent = 0n
  const before = process.cpuUsage()
  for (let done = 0; done < exchanges; done += perTurn) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < perTurn; i++) line()
    spent += process.hrtime.bigint() - start
    await turn()
  }
  const { user, system } = process.cpuUsage(before)
  return { path: Number(spent) / exchanges, total: ((user + system) * 1000) / exchanges }
}

async function report(name: string, line: () => void): Promise<void> {
  await cpuPerLine(line)
  const { path, total } = await cpuPerLine(line)
  console.log(`${name.padEnd(40)} on the path ${path.toFixed(0).padStart(5)} ns   CPU in all ${total.toFixed(0).padStart(5)} ns`)
}

await report('turns of the event loop alone', () => {})
for (const [name, options] of [
  ['access-log', {}],
  ['access-log, user agent and all headers', { add: ['userAgent'], requestHeaders: ['*'] }],
  ['access-log, one in ten', { sample: 0.1 }],
] as const) {
  const log = accessLog({ ...options, destination: '/dev/null', bufferRecords: 1_000_000 })
  await report(name, () => log.onEnd?.(exchange))
  await log.close()
}

const logger = pino({ base: null }, pino.destination({ dest: '/dev/null', sync: false, minLength: 4096 }))
await report('for comparison: pino, a line at a time', () =>
  logger.info({ listener: 'public', route: 'users', service: 'users', endpoint: '127.0.0.1:9001', client: '127.0.0.1', method: 'GET', authority: 'shop.example', path: request.originalPath, status: 200, flag: '-', code: '-', attempts: 1, totalMs: 1.222, firstByteMs: 1.111, upstreamMs: 1.034, requestBytes: 0, responseBytes: 0, requestId: request.id }),
)
