// The discovery by its name, in a mesh, against a real dnsmasq whose records change while requests are made.
import { createMesh, type MeshApp, type ServiceSpec } from '@meshwright/core'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import plugin from './index.ts'
import { Dnsmasq, hasDnsmasq } from './server.test.kit.ts'

/** An endpoint that answers with its name; all of them on the same port of different loopback addresses. */
async function endpoint(host: string, port = 0): Promise<number> {
  const server = createServer((_request, response) => response.end(host)).listen(port, host)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

interface Traffic {
  readonly app: MeshApp
  /** How many answers came from whom since the last look. */
  seen(): Map<string, number>
  /** Answers that were no 200. */
  readonly bad: string[]
  /** Goes on until what has been seen since satisfies. */
  until(satisfied: (seen: Map<string, number>) => boolean, what: string): Promise<void>
}

/** A mesh in front of a service, and a client that never stops asking until the test ends. */
async function traffic(spec: ServiceSpec): Promise<Traffic> {
  const app = createMesh({ logger: false, drainMs: 100 })
  await app.register(plugin)
  await app.mesh.service('users', spec)
  app.mesh.route('/*', 'users')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  let seen = new Map<string, number>()
  const end = new AbortController()
  const bad: string[] = []
  const asking = (async () => {
    while (!end.signal.aborted) {
      const response = await fetch(url)
      const text = await response.text()
      if (response.ok) seen.set(text, (seen.get(text) ?? 0) + 1)
      else bad.push(`${response.status} ${text}`)
    }
  })()
  onTestFinished(async () => {
    end.abort()
    await asking
    await app.close()
  })
  const until = async (satisfied: (seen: Map<string, number>) => boolean, what: string): Promise<void> => {
    seen = new Map()
    const giveUpAt = performance.now() + 30_000
    while (!satisfied(seen)) {
      if (performance.now() > giveUpAt) throw new Error(`waited too long for ${what}; seen ${JSON.stringify([...seen])}, bad ${bad.slice(0, 3).join('; ')}`)
      await new Promise(setImmediate)
    }
  }
  return { app, seen: () => seen, bad, until }
}

/** Only these answer now: the others have been silent for a while in which these were busy. */
async function onlyFrom(running: Traffic, ...hosts: string[]): Promise<void> {
  for (;;) {
    await running.until((seen) => [...seen.values()].reduce((sum, count) => sum + count, 0) >= 100, `100 answers from ${hosts.join(', ')}`)
    const names = [...running.seen().keys()].sort()
    if (names.join() === hosts.toSorted().join()) return
  }
}

const fast = { minTtlMs: 100, negativeTtlMs: 200, timeoutMs: 500 } as const

describe.skipIf(!hasDnsmasq())('with a real dnsmasq (skipped without it)', () => {
  test('requests follow the A records, and none fails while those change, vanish and the server dies', { timeout: 180_000 }, async () => {
    const port = await endpoint('127.0.0.2')
    await endpoint('127.0.0.3', port)
    const server = await Dnsmasq.start(['127.0.0.2 users.test'])
    const running = await traffic({ discovery: { dns: { name: 'users.test', port, servers: [server.address], ...fast } } })
    await onlyFrom(running, '127.0.0.2')
    await server.hosts(['127.0.0.2 users.test', '127.0.0.3 users.test'])
    await onlyFrom(running, '127.0.0.2', '127.0.0.3')
    await server.hosts(['127.0.0.3 users.test'])
    await onlyFrom(running, '127.0.0.3')
    // The name is gone: nobody is taken for an answer.
    await server.hosts(['127.0.0.9 other.test'])
    await searched(running.app, 'nxdomain')
    await onlyFrom(running, '127.0.0.3')
    await server.stop()
    await searched(running.app, 'failed')
    await onlyFrom(running, '127.0.0.3')
    await server.hosts(['127.0.0.2 users.test']).catch(() => {})
    await server.restart([])
    await onlyFrom(running, '127.0.0.2')
    expect(running.bad).toEqual([])
  })

  test('SRV records give ports, weights and priorities, and `.` empties the service', { timeout: 180_000 }, async () => {
    const [first, second, third] = [await endpoint('127.0.0.2'), await endpoint('127.0.0.3'), await endpoint('127.0.0.4')]
    const server = await Dnsmasq.start(['127.0.0.2 a.test', '127.0.0.3 b.test', '127.0.0.4 c.test'], [
      `srv-host=_http._tcp.users.test,a.test,${first},10,3`,
      `srv-host=_http._tcp.users.test,b.test,${second},10,1`,
      `srv-host=_http._tcp.users.test,c.test,${third},20,1`,
    ])
    const running = await traffic({ discovery: { dns: { name: '_http._tcp.users.test', type: 'SRV', servers: [server.address], ...fast } } })
    const endpoints = running.app.mesh.snapshot.services.get('users')?.endpoints.all ?? []
    expect(endpoints.map(({ host, port, weight, priority, metadata }) => ({ host, port, weight, priority, metadata }))).toEqual([
      { host: '127.0.0.2', port: first, weight: 3, priority: 0, metadata: { target: 'a.test' } },
      { host: '127.0.0.3', port: second, weight: 1, priority: 0, metadata: { target: 'b.test' } },
      { host: '127.0.0.4', port: third, weight: 1, priority: 1, metadata: { target: 'c.test' } },
    ])
    await server.restart([`srv-host=_http._tcp.users.test,c.test,${third},20,1`])
    await onlyFrom(running, '127.0.0.4')
    expect(running.bad).toEqual([])
    await server.restart(['srv-host=_http._tcp.users.test'])
    await running.until(() => running.bad.length > 0, 'an answer without an endpoint')
    expect(running.bad[0]).toContain('MESH_NO_ENDPOINT')
    await server.restart([`srv-host=_http._tcp.users.test,a.test,${first},0,0`])
    await onlyFrom(running, '127.0.0.2')
  })

  test('a set that does not fit into a datagram comes over TCP', async () => {
    const port = await endpoint('127.0.0.2')
    const server = await Dnsmasq.start(Array.from({ length: 100 }, (_, i) => `127.0.0.${i + 2} users.test`))
    const app = createMesh({ logger: false })
    onTestFinished(async () => app.close())
    await app.register(plugin)
    await app.mesh.service('users', { discovery: { dns: { name: 'users.test', type: 'A', port, servers: [server.address] } } })
    app.mesh.route('/*', 'users')
    await app.ready()
    expect(app.mesh.snapshot.services.get('users')?.endpoints.all).toHaveLength(100)
  })
})

/** Waits until DNS has been searched with a result once more. */
async function searched(app: MeshApp, result: string): Promise<void> {
  const counter = app.mesh.metrics.counter('mesh_dns_searches_total', '', { service: 'users', result })
  const before = counter.value
  const giveUpAt = performance.now() + 30_000
  while (counter.value <= before + 1) {
    if (performance.now() > giveUpAt) throw new Error(`no search was ${result}`)
    await new Promise(setImmediate)
  }
}

test('a missing port is refused with the name of the service', async () => {
  const app = createMesh({ logger: false })
  onTestFinished(async () => app.close())
  await app.register(plugin)
  await expect(app.mesh.service('users', { discovery: { dns: { name: 'users.test' } } })).rejects.toThrow(/"dns" of service "users".*port is missing/)
})
