// What code and files declare becomes one snapshot, wholly or not at all.
import { afterEach, describe, expect, test } from 'vitest'
import type { EndpointSpec } from './endpoint.ts'
import { ask, closeAll, endpoint, listening, mesh } from './mesh.test.kit.ts'
import type { Discovery, Filter } from './questions.ts'
import { reply } from './reply.ts'
import { PlayedTransport } from './unit.test.kit.ts'

afterEach(closeAll)

class Played implements Discovery {
  watches = 0
  stops = 0
  readonly #host: string
  publish: (endpoints: readonly EndpointSpec[]) => void = () => {}

  constructor(host: string) {
    this.#host = host
  }

  watch(_service: string, publish: (endpoints: readonly EndpointSpec[]) => void): () => void {
    this.watches++
    this.publish = publish
    publish([{ host: this.#host, port: 80 }])
    return () => void this.stops++
  }
}

describe('a specification that is applied', () => {
  test('replaces the one before, and leaves what code has made', async () => {
    const { app } = mesh()
    await app.mesh.service('own', { endpoints: ['a:80'] })
    app.mesh.route('/own', 'own')
    await app.mesh.apply({ services: { first: { endpoints: ['b:80'] } }, routes: [{ match: { path: '/first' }, to: 'first' }] })
    await app.ready()
    await app.mesh.apply({ services: { second: { endpoints: ['c:80'] } }, routes: [{ match: { path: '/second' }, to: 'second' }] })
    const { snapshot } = app.mesh
    expect([[...snapshot.services.keys()], snapshot.routes.map((route) => route.name)]).toEqual([['own', 'second'], ['/own', '/second']])
  })

  test('makes a new snapshot; the old one is never edited', async () => {
    const { app } = mesh()
    await app.mesh.apply({ services: { users: { endpoints: ['a:80'] } }, routes: [{ to: 'users' }] })
    const { snapshot } = app.mesh
    await app.mesh.apply({})
    expect([snapshot.routes.length, snapshot.services.size, app.mesh.snapshot.routes.length]).toEqual([1, 1, 0])
    expect(app.mesh.snapshot.revision).toBeGreaterThan(snapshot.revision)
  })

  test('is in force when apply resolves, one after the other however many come at once', async () => {
    const { app } = mesh()
    await app.ready()
    await Promise.all(['a', 'b', 'c'].map((name) => app.mesh.apply({ services: { [name]: {} }, routes: [{ name, to: name }] })))
    expect(app.mesh.snapshot.routes.map((route) => route.name)).toEqual(['c'])
  })
})

describe('a specification that is refused', () => {
  const bad: [string, object, string][] = [
    ['an unknown service', { routes: [{ to: 'absent' }] }, 'MESH_UNKNOWN_SERVICE'],
    ['an unknown filter', { routes: [{ to: 'users', filters: ['absent'] }] }, 'MESH_UNKNOWN_NAME'],
    ['an unknown balancer', { services: { users: { balancer: 'absent' } } }, 'MESH_UNKNOWN_NAME'],
    ['a bad regular expression', { routes: [{ to: 'users', match: { path: { regex: '(' } } }] }, 'MESH_BAD_ROUTE'],
    ['a service that code has made', { services: { own: {} } }, 'MESH_DUPLICATE_NAME'],
    ['options that are wrong', { services: { users: { discovery: { static: { endpoints: 'a:80' } } } } }, 'MESH_BAD_OPTIONS'],
  ]

  test.each(bad)('for %s leaves snapshot, endpoints and discoveries as they were', async (_name, change, code) => {
    const { app } = mesh()
    const discovery = new Played('old')
    await app.mesh.service('own', { endpoints: ['own:80'] })
    await app.mesh.apply({ services: { users: { discovery } }, routes: [{ to: 'users' }] })
    await app.ready()
    const { snapshot } = app.mesh
    const users = snapshot.services.get('users')
    const [before] = users?.endpoints.all ?? []
    const next = new Played('new')
    const extra = new Played('extra')
    const transport = new PlayedTransport()
    const { services = {}, ...rest } = change as { services?: Record<string, object> }
    const spec = { services: { extra: { discovery: extra, transport }, users: { discovery: next }, ...services }, ...rest }
    await expect(app.mesh.apply(spec)).rejects.toMatchObject({ code })
    expect(app.mesh.snapshot).toBe(snapshot)
    expect(users?.endpoints.all).toEqual([before])
    expect([discovery.stops, next.watches - next.stops, extra.watches - extra.stops]).toEqual([0, 0, 0])
    discovery.publish([{ host: 'old', port: 80 }, { host: 'more', port: 80 }])
    expect(users?.endpoints.fit.map((one) => one.host)).toEqual(['old', 'more'])
    await app.mesh.apply({ services: { users: { discovery: new Played('good') } }, routes: [{ to: 'users' }] })
    expect([discovery.stops, app.mesh.snapshot.services.get('users')?.endpoints.all.map((one) => one.host)]).toEqual([1, ['good']])
  })
})

describe('services of code', () => {
  test('may be made at the same time, and one that is bad spoils no other', async () => {
    const { app } = mesh()
    const results = await Promise.allSettled([
      app.mesh.service('good', { endpoints: ['a:80'] }),
      app.mesh.service('bad', { endpoints: ['nowhere'] }),
      app.mesh.service('fine', { endpoints: ['b:80'] }),
    ])
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    await app.mesh.service('bad', { endpoints: ['c:80'] })
    await app.ready()
    expect([...app.mesh.snapshot.services.keys()].toSorted()).toEqual(['bad', 'fine', 'good'])
  })

  test('have a name of their own', async () => {
    const { app } = mesh()
    const results = await Promise.allSettled([app.mesh.service('users', {}), app.mesh.service('users', {})])
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected'])
    expect(results[1]).toMatchObject({ reason: { code: 'MESH_DUPLICATE_NAME' } })
  })

  test('keep their endpoints and discoveries when another is made', async () => {
    const { app } = mesh()
    await app.mesh.service('users', { endpoints: ['a:80'] })
    await app.ready()
    const [before] = app.mesh.snapshot.services.get('users')?.endpoints.all ?? []
    await app.mesh.service('more', {})
    expect(app.mesh.snapshot.services.get('users')?.endpoints.all[0]).toBe(before)
  })
})

describe('routes of code', () => {
  test('that go nowhere stop the app from becoming ready', async () => {
    const { app } = mesh()
    app.mesh.route('/', 'absent')
    await expect(app.ready()).rejects.toMatchObject({ code: 'MESH_UNKNOWN_SERVICE' })
  })

  test('that are made later are compiled at once, and forgotten if they are bad', async () => {
    const { app } = mesh()
    await app.mesh.service('users', {})
    await app.ready()
    app.mesh.route('/a', 'users')
    expect(() => app.mesh.route('/b', 'absent')).toThrow(expect.objectContaining({ code: 'MESH_UNKNOWN_SERVICE' }))
    app.mesh.add({ match: { path: '/c' }, reply: { status: 204 } })
    expect(app.mesh.snapshot.routes.map((route) => route.name)).toEqual(['/a', '/c'])
  })
})

describe('a request without a route', () => {
  const counting = (seen: string[], name: string): Filter => ({ name, onEnd: () => void seen.push(name) })

  test('is heard of by the filters of the mesh, not by those of a route', async () => {
    const seen: string[] = []
    const { app } = mesh()
    await app.mesh.apply({ filters: [counting(seen, 'mesh')], routes: [{ match: { path: '/a' }, reply: { status: 200 }, filters: [counting(seen, 'route')] }] })
    await app.ready()
    const { port } = await app.mesh.listen({ address: '127.0.0.1:0', unrouted: 'reply' })
    expect(await ask(port, '/b')).toMatchObject({ status: 404, body: expect.stringContaining('MESH_NO_ROUTE') })
    expect(seen).toEqual(['mesh'])
  })
})

describe('closing', () => {
  test('lets what is under way end, refuses new connections, and says close', async () => {
    const arrived = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    const slow = await endpoint('slow', (_message, response) => {
      arrived.resolve()
      void go.promise.then(() => response.end('done'))
    })
    const { app } = mesh({ drainMs: 10_000 })
    await app.mesh.apply({ services: { slow: { endpoints: [slow.address] } }, routes: [{ to: 'slow' }] })
    const port = await listening(app)
    const answer = ask(port, '/')
    await arrived.promise
    const closed = app.close()
    await expect.poll(() => app.mesh.draining).toBe(true)
    await expect(ask(port, '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    go.resolve()
    expect(await answer).toMatchObject({ status: 200, body: 'done', headers: { connection: 'close' } })
    await closed
  })

  test('cuts what is left after the grace, and completes it once with MESH_DRAINING', async () => {
    const arrived = Promise.withResolvers<void>()
    const silent = await endpoint('silent', () => arrived.resolve())
    const ends: (string | undefined)[] = []
    const { app } = mesh({ drainMs: 20 })
    app.mesh.filter({ name: 'noting', onEnd: (exchange) => void ends.push(exchange.error?.code) })
    await app.mesh.service('silent', { endpoints: [silent.address] })
    app.mesh.route('/*', 'silent')
    const port = await listening(app)
    const answer = ask(port, '/').catch((error: unknown) => (error as NodeJS.ErrnoException).code)
    await arrived.promise
    const [one] = app.mesh.snapshot.services.get('silent')?.endpoints.all ?? []
    expect(one?.inFlight).toBe(1)
    await app.close()
    expect([await answer, ends, one?.inFlight]).toEqual(['ECONNRESET', ['MESH_DRAINING'], 0])
  })

  test('runs what plugins asked for in reverse order, and survives what throws', async () => {
    const { app, errors } = mesh()
    const order: string[] = []
    app.mesh.onClose(() => void order.push('first'))
    app.mesh.onClose(() => {
      throw new Error('no luck')
    })
    app.mesh.onClose(async () => void order.push('last'))
    await app.ready()
    await app.close()
    expect(order).toEqual(['last', 'first'])
    expect(errors.join('')).toContain('MESH_PLUGIN_FAILED')
  })

  test('closes the mesh even if a discovery throws when it is stopped', async () => {
    const { app, errors } = mesh()
    await app.mesh.service('users', { discovery: { watch: () => () => { throw new Error('no luck') } } })
    await app.ready()
    await app.close()
    expect(errors.join('')).toContain('MESH_PLUGIN_FAILED')
  })

  test('twice is closing once', async () => {
    const { app } = mesh()
    await app.ready()
    await Promise.all([app.mesh.drain(0), app.mesh.drain(0), app.close(), app.close()])
    expect(app.mesh.draining).toBe(true)
  })
})

test('a filter that is added while the mesh runs is asked from then on', async () => {
  const { app } = mesh()
  app.mesh.add({ match: { path: '/' }, reply: { status: 200 } })
  const port = await listening(app)
  expect((await ask(port, '/')).status).toBe(200)
  app.mesh.filter({ name: 'closed', onRequestHeaders: () => reply(403) })
  expect((await ask(port, '/')).status).toBe(403)
})
