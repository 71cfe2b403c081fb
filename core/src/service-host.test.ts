// Services come to life: discoveries start, publish, fail, are late and are stopped; what need not change lives on.
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { EndpointSpec } from './endpoint.ts'
import type { MeshError } from './errors.ts'
import type { Discovery } from './questions.ts'
import { Registry } from './registry.ts'
import { ServiceHost, type ServiceHostOptions } from './service-host.ts'
import type { ServiceSpec } from './spec.ts'
import { PlayedTransport, turn } from './unit.test.kit.ts'

afterEach(() => void vi.useRealTimers())

const a: EndpointSpec = { host: 'a', port: 80 }
const b: EndpointSpec = { host: 'b', port: 80 }
const boom = (): never => {
  throw new Error('no luck')
}

/** A discovery that the test publishes through. */
class Played implements Discovery {
  readonly publishers: ((endpoints: readonly EndpointSpec[]) => void)[] = []
  stops = 0
  readonly first: readonly EndpointSpec[] | undefined

  constructor(...first: EndpointSpec[]) {
    this.first = first.length === 0 ? undefined : first
  }

  watch(_service: string, publish: (endpoints: readonly EndpointSpec[]) => void): () => void {
    this.publishers.push(publish)
    if (this.first !== undefined) publish(this.first)
    return () => void this.stops++
  }

  publish(...endpoints: EndpointSpec[]): void {
    this.publishers.at(-1)?.(endpoints)
  }
}

interface Setup {
  readonly host: ServiceHost
  readonly failures: MeshError[]
  /** Compiles and takes over, as a runtime does. */
  readonly take: (specs: Record<string, ServiceSpec>) => Promise<void>
  readonly hosts: (service: string) => string[]
}

function setup(options: Partial<ServiceHostOptions> = {}): Setup {
  const failures: MeshError[] = []
  const host = new ServiceHost({ side: 'both', registry: new Registry(), failed: (error) => void failures.push(error), ...options })
  return {
    host,
    failures,
    async take(specs) {
      const compiled = await host.compile(new Map(Object.entries(specs)))
      compiled.adopt()
      host.retain(compiled.services)
    },
    hosts: (service) => (host.endpoints(service)?.all ?? []).map((endpoint) => endpoint.host),
  }
}

describe('a discovery', () => {
  test('is watched once per service, and stopped when its service goes', async () => {
    const { host, take, hosts } = setup()
    const discovery = new Played(a)
    await take({ users: { discovery } })
    expect([hosts('users'), discovery.publishers.length]).toEqual([['a'], 1])
    discovery.publish(a, b)
    expect(hosts('users')).toEqual(['a', 'b'])
    await take({})
    expect([host.endpoints('users'), discovery.stops]).toEqual([undefined, 1])
  })

  test('that publishes after it was stopped changes nothing, not even what took its place', async () => {
    const published: string[] = []
    const check = vi.fn<() => Promise<void>>(async () => {})
    const { take, hosts, host } = setup({ published: (service) => void published.push(service) })
    const old = new Played(a)
    await take({ users: { discovery: old, health: { check } } })
    await take({ users: { discovery: new Played(b) } })
    const asked = check.mock.calls.length
    old.publish(a)
    expect([hosts('users'), published.length, check.mock.calls.length]).toEqual([['b'], 2, asked])
    await host.close()
  })

  test.each([
    ['rejects', (): Promise<never> => Promise.reject(new Error('no luck'))],
    ['answers with no way to stop it', () => undefined as never],
    ['answers later with no way to stop it', () => Promise.resolve(undefined as never)],
  ])('that %s leaves its service without endpoints, and is told to the log', async (_name, watch) => {
    const { take, failures, hosts, host } = setup()
    await take({ users: { discovery: { watch } } })
    expect(hosts('users')).toEqual([])
    expect(failures.map((error) => error.code)).toEqual(['MESH_PLUGIN_FAILED'])
    expect(failures[0]?.message).toContain('users')
    await host.close()
  })

  test('that throws at once is a mistake at boot', async () => {
    await expect(setup().take({ users: { discovery: { watch: boom } } })).rejects.toMatchObject({ code: 'MESH_BAD_OPTIONS' })
  })

  test.each([
    ['throws', boom],
    ['rejects', () => Promise.reject(new Error('no luck')) as never],
  ])('that %s when it is stopped stops nobody else', async (_name, stop) => {
    const { take, failures, host } = setup()
    const other = new Played(b)
    await take({ users: { discovery: { watch: () => stop } }, reviews: { discovery: other } })
    await take({})
    await host.close()
    await turn()
    expect([other.stops, failures.map((error) => error.code)]).toEqual([1, ['MESH_PLUGIN_FAILED']])
  })

  test('that is slow is not waited for longer than ten seconds; its endpoints come later', async () => {
    vi.useFakeTimers()
    const { take, hosts } = setup()
    const started = Promise.withResolvers<() => void>()
    let publish: (endpoints: readonly EndpointSpec[]) => void = () => {}
    const taken = take({ users: { discovery: { watch: (_service, tell) => ((publish = tell), started.promise) } } })
    await vi.advanceTimersByTimeAsync(10_000)
    await taken
    expect(hosts('users')).toEqual([])
    publish([a])
    expect(hosts('users')).toEqual(['a'])
  })

  test('that is slow is stopped once it has started, if its service is gone by then', async () => {
    vi.useFakeTimers()
    const { take, failures } = setup()
    const started = Promise.withResolvers<() => void>()
    const taken = take({ users: { discovery: { watch: () => started.promise } } })
    await vi.advanceTimersByTimeAsync(10_000)
    await taken
    await take({})
    let stops = 0
    started.resolve(() => {
      stops++
      boom()
    })
    await vi.advanceTimersByTimeAsync(0)
    expect([stops, failures.map((error) => error.code)]).toEqual([1, ['MESH_PLUGIN_FAILED']])
  })

  test('that is slow does not add to the time that another one takes', async () => {
    vi.useFakeTimers()
    const { take } = setup()
    const slow: Discovery = { watch: () => new Promise(() => {}) }
    let taken = false
    const all = take({ one: { discovery: slow }, two: { discovery: slow }, three: { discovery: slow } }).then(() => (taken = true))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(taken).toBe(true)
    await all
  })

  test.each([
    ['no list', undefined as never],
    ['an endpoint without a host', [a, { port: 1 } as EndpointSpec]],
    ['an endpoint without a port', [{ host: 'x' } as EndpointSpec]],
    ['a port that is none', [{ host: 'x', port: 65_536 }]],
    ['a weight that is none', [{ ...a, weight: -1 }]],
    ['nothing at all', [null as never]],
  ])('that publishes %s is told to the log, and the last set stays', async (_name, endpoints) => {
    const { take, failures, hosts, host } = setup()
    const discovery = new Played(a, b)
    await take({ users: { discovery } })
    discovery.publishers[0]?.(endpoints)
    expect([hosts('users'), failures.map((error) => error.code)]).toEqual([['a', 'b'], ['MESH_PLUGIN_FAILED']])
    expect(failures[0]?.message).toContain('users')
    await host.close()
  })
})

describe('a service that is compiled again', () => {
  test('keeps endpoints and discovery if what they come from has not changed', async () => {
    const { take, host } = setup()
    await take({ users: { endpoints: ['a:80'] } })
    const [endpoint] = host.endpoints('users')?.all ?? []
    await take({ users: { endpoints: ['a:80'], timeout: { connectMs: 1 } } })
    expect(host.endpoints('users')?.all[0]).toBe(endpoint)
    expect(host.endpoints('users')?.revision).toBe(1)
  })

  test('keeps the endpoints that are in both sets if it has changed', async () => {
    const { take, host, hosts } = setup()
    await take({ users: { endpoints: ['a:80', 'b:80'] } })
    const [, second] = host.endpoints('users')?.all ?? []
    Object.assign(second ?? {}, { inFlight: 2 })
    await take({ users: { endpoints: ['b:80', 'c:80'] } })
    expect(hosts('users')).toEqual(['b', 'c'])
    expect(host.endpoints('users')?.all[0]).toBe(second)
  })

  test('takes the endpoints it has for well once nobody checks them any more', async () => {
    const changes: string[] = []
    const { take, host } = setup({ healthChanged: (_service, endpoint) => void changes.push(`${endpoint.host} ${endpoint.healthy}`) })
    await take({ users: { endpoints: ['a:80'], health: { check: () => Promise.reject(new Error('ill')) } } })
    await turn()
    expect(host.endpoints('users')?.fit).toEqual([])
    await take({ users: { endpoints: ['a:80'] } })
    expect([host.endpoints('users')?.fit.length, changes]).toEqual([1, ['a false', 'a true']])
    await host.close()
  })

  test('shares connections with services of the same options', async () => {
    const { host } = setup()
    const compiled = await host.compile(new Map([['one', { endpoints: ['a:80'] }], ['two', { endpoints: ['b:80'] }], ['three', { endpoints: ['a:80'], timeout: { connectMs: 1 } }]]))
    const [one, two, three] = [...compiled.services.values()]
    expect([one?.transport === two?.transport, one?.transport === three?.transport]).toEqual([true, false])
    compiled.drop()
    await host.close()
  })
})

describe('services of which one cannot be compiled', () => {
  test('leave nothing behind: discoveries that were started are stopped, the old ones go on untouched', async () => {
    const { take, hosts, host } = setup()
    const old = new Played(a)
    await take({ users: { discovery: old } })
    const [before] = host.endpoints('users')?.all ?? []
    const next = new Played(b)
    const extra = new Played(b)
    await expect(take({ users: { discovery: next }, extra: { discovery: extra }, bad: { balancer: 'absent' } })).rejects.toMatchObject({ code: 'MESH_UNKNOWN_NAME' })
    expect([old.stops, next.stops, extra.stops]).toEqual([0, 1, 1])
    expect([hosts('users'), host.endpoints('extra')]).toEqual([['a'], undefined])
    old.publish(a, b)
    expect([hosts('users'), host.endpoints('users')?.all[0] === before]).toEqual([['a', 'b'], true])
  })

  test('say which and why', async () => {
    await expect(setup().take({ users: { endpoints: ['a:80'], discovery: new Played() } })).rejects.toThrow('service "users" has both endpoints and a discovery')
    await expect(setup().take({ users: { endpoints: ['nowhere'] } })).rejects.toThrow('service "users": "nowhere" is not host:port')
  })
})

test('transports hear of endpoints that are gone, and are closed with the mesh', async () => {
  const { take, host } = setup()
  const transport = new PlayedTransport()
  await take({ users: { endpoints: ['a:80', 'b:80'], transport } })
  await take({ users: { endpoints: ['b:80'], transport } })
  expect(transport.forgotten).toEqual(['a:80'])
  await host.close()
  expect([transport.forgotten, transport.closes]).toEqual([['a:80', 'b:80'], 1])
})

describe('a health check', () => {
  test('keeps new endpoints out until they are checked, if it is told so, but not those that a reload has found', async () => {
    const { take, host } = setup()
    const never = { waitForFirst: true, check: () => new Promise<void>(() => {}) }
    await take({ users: { endpoints: ['a:80'] } })
    await take({ users: { endpoints: ['a:80', 'b:80'], health: never } })
    expect(host.endpoints('users')?.all.map(({ healthy, reason }) => [healthy, reason])).toEqual([[true, undefined], [false, 'not checked yet']])
    await host.close()
  })

  test('is told to people when it changes what is believed', async () => {
    const lines: object[] = []
    const log = { info: (details: object, text: string) => void lines.push({ ...details, text }), warn: (details: object, text: string) => void lines.push({ ...details, text }) }
    const reasons = ['ill', 'worse']
    const check = async (): Promise<void> => {
      const reason = reasons.shift()
      if (reason !== undefined) throw new Error(reason)
    }
    const { take, host } = setup({ log })
    await take({ users: { endpoints: ['a:80'], health: { intervalMs: 1, jitterPercent: 0, healthyThreshold: 1, check } } })
    await vi.waitFor(() => expect(host.endpoints('users')?.fit.length).toBe(1), { interval: 1, timeout: 30_000 })
    await vi.waitFor(() => expect(lines).toEqual([
      { service: 'users', endpoint: 'a:80', reason: 'ill', text: 'an endpoint is not fit' },
      { service: 'users', endpoint: 'a:80', text: 'an endpoint is fit again' },
    ]), { interval: 1, timeout: 30_000 })
    await host.close()
  })

  test('is seldom asked about an endpoint before there was traffic, here or in another thread', async () => {
    vi.useFakeTimers()
    const { take, host } = setup()
    const asked = { one: 0, two: 0, three: 0, again: 0 }
    const checked = (name: keyof typeof asked): ServiceSpec => {
      return { endpoints: ['a:80'], health: { intervalMs: 100, jitterPercent: 0, noTrafficIntervalMs: 10_000, check: async () => void asked[name]++ } }
    }
    await take({ again: { endpoints: ['a:80'] } })
    host.hadTraffic('again')
    await take({})
    await take({ one: checked('one'), two: checked('two'), three: checked('three'), again: checked('again') })
    host.hadTraffic('two')
    await vi.advanceTimersByTimeAsync(50)
    Object.assign(host.endpoints('three')?.all[0] ?? {}, { attempts: 1 })
    await vi.advanceTimersByTimeAsync(500)
    expect(asked).toEqual({ one: 1, two: 6, three: 6, again: 1 })
    await host.close()
  })

  test('with a schedule that nobody could keep is refused with the name of the service', async () => {
    const { host } = setup()
    const check = (): Promise<void> => Promise.resolve()
    await expect(host.compile(new Map([['users', { endpoints: [], health: { check, intervalMs: 0 } }]]))).rejects.toThrow('health of service "users": intervalMs is a number from 1 to 86400000, not 0')
  })
})

test('a transport given by value that no service has any more forgets its endpoints, and is closed once at the end', async () => {
  const { take, host } = setup()
  const [first, second, third] = [new PlayedTransport(), new PlayedTransport(), new PlayedTransport()]
  await take({ users: { endpoints: ['a:80'], transport: first }, orders: { endpoints: ['b:80'], transport: second } })
  await take({ users: { endpoints: ['a:80'], transport: third } })
  expect([first.forgotten, second.forgotten, third.forgotten]).toEqual([['a:80', 'b:80'], ['a:80', 'b:80'].toReversed(), ['b:80']].map((ids) => expect.arrayContaining(ids) as string[]))
  await take({ users: { endpoints: ['c:80'], transport: third } })
  expect(first.forgotten).toHaveLength(2)
  await take({ users: { endpoints: ['c:80'], transport: third }, orders: { endpoints: ['b:80'], transport: second } })
  await host.close()
  expect([first.closes, second.closes, third.closes]).toEqual([1, 1, 1])
})

test('the data side asks no discovery and no health check: it hears of endpoints from its feed', async () => {
  let tell: (endpoints: readonly EndpointSpec[]) => void = () => {}
  const { take, hosts } = setup({ side: 'data', feed: { watch: (_service, publish) => ((tell = publish), () => {}) } })
  await take({ users: { discovery: { watch: boom }, health: { check: boom } } })
  tell([a])
  expect(hosts('users')).toEqual(['a'])
})
