// Everything at once: endpoints that fail in every way, impatient clients, and retries, limits, a breaker and deadlines between them.
import { breaker } from '@meshwright/breaker'
import { deadline } from '@meshwright/deadline'
import { limits } from '@meshwright/limits'
import { backoff } from '@meshwright/retry'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { get, ok, startMesh, until } from '../kit/index.ts'

const visits = 800
const atATime = 40

/** A seeded source of chance, so that a failure can be played again. */
function seeded(seed: number): () => number {
  let state = seed
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

/** What endpoints have seen, and whether they are well. */
interface World {
  readonly random: () => number
  readonly seen: Map<string, number>
  well: boolean
}

async function moodyEndpoint(world: World): Promise<{ address: string }> {
  const server = createServer((socket) => {
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        const target = text.slice(0, end).split(' ', 2).join(' ')
        text = text.slice(end + 4)
        world.seen.set(target, (world.seen.get(target) ?? 0) + 1)
        answerSomehow(socket, world)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function answerSomehow(socket: Socket, { random, well }: World): void {
  const mood = well ? 0 : random()
  if (mood < 0.4) socket.write(ok)
  else if (mood < 0.6) socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n')
  else if (mood < 0.7) socket.write('HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n')
  else if (mood < 0.8) socket.destroy()
  else if (mood < 0.9) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', () => socket.destroy())
  // and else never
}

/** One request; some clients leave before they have an answer. */
async function visit(port: number, text: string, leavesAfterMs: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.on('data', () => socket.end())
  socket.write(text)
  const leaving = setTimeout(() => socket.destroy(), leavesAfterMs)
  await new Promise<void>((resolve) => void socket.on('close', () => resolve()))
  clearTimeout(leaving)
}

test('no POST reaches endpoints twice, nothing stays counted, and when the service is well again everybody is served', async () => {
  const random = seeded(20_261_121)
  const world: World = { random, seen: new Map(), well: false }
  const endpoints = await Promise.all([moodyEndpoint(world), moodyEndpoint(world), moodyEndpoint(world)])
  const admission = breaker({ minAttempts: 20, failurePercent: 40, openMs: 10, maxOpenMs: 20, probes: 2, closeAfter: 2 })
  const retry = backoff({ on: ['5xx', 'reset', 'gateway-error'], statusCodes: [429], rateLimited: {}, attempts: 4, baseMs: 2, attemptTimeoutMs: 40 }, { random })
  const timeout = { requestMs: 5_000, responseHeadersMs: 200 }
  const mesh = await startMesh(endpoints, { service: { retry, timeout, admission: [admission, limits({ requests: 8, retries: 3 })] }, filters: [deadline()] })
  const service = mesh.app.mesh.snapshot.services.get('test')
  let most = 0
  let begun = 0
  const visitor = async (): Promise<void> => {
    while (begun < visits) {
      const line = `${random() < 0.5 ? 'POST' : 'GET'} /${begun++} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n`
      await visit(mesh.port, `${line}${random() < 0.3 ? `X-Request-Timeout-Ms: ${Math.ceil(random() * 100)}\r\n` : ''}\r\n`, random() < 0.2 ? random() * 50 : 5000)
      most = Math.max(most, service?.active ?? Infinity)
    }
  }
  await Promise.all(Array.from({ length: atATime }, visitor))
  await until(() => service?.active === 0 && service.retrying === 0, 'nothing to be under way')

  const repeated = [...world.seen].filter(([, times]) => times > 1).map(([target]) => target)
  expect(repeated.filter((target) => target.startsWith('POST'))).toEqual([])
  expect(repeated.length, 'GETs that were tried again').toBeGreaterThan(0)
  const codes = new Set(mesh.ended.map(({ code }) => code))
  for (const code of [undefined, 'MESH_BREAKER_OPEN', 'MESH_UPSTREAM_CLOSED'] as const) expect(codes).toContain(code)
  expect(most).toBeLessThanOrEqual(8)
  expect(service?.endpoints.all.map(({ inFlight }) => inFlight)).toEqual([0, 0, 0])

  world.well = true
  while (admission.state !== 'closed') await mesh.ask(get('/again'))
  for (let i = 0; i < 20; i++) expect((await mesh.ask(get('/well'))).response.status).toBe(200)
})
