// Scopes: a child gets a copy of its parent's filters, as Fastify does with hooks, and keeps its own to itself.
import fastifyPlugin from 'fastify-plugin'
import { afterEach, describe, expect, test } from 'vitest'
import { ask, closeAll, listening, mesh } from './mesh.test.kit.ts'
import type { Filter } from './questions.ts'

afterEach(closeAll)

/** Writes its name into the reply's field. */
const mark = (name: string): Filter => ({
  name,
  onRequestHeaders(exchange) {
    exchange.state.marks = [...(exchange.state.marks ?? []), name]
  },
})

declare module './exchange.ts' {
  interface ExchangeState {
    marks?: string[]
  }
}

/** A mesh that answers with the names of the filters a request came through. */
async function marked(setup: (app: ReturnType<typeof mesh>['app']) => void | Promise<void>): Promise<(path: string) => Promise<string>> {
  const { app } = mesh()
  const seen: string[] = []
  await setup(app)
  app.mesh.filter({ name: 'last', onEnd: (exchange) => void seen.push((exchange.state.marks ?? []).join(',')) })
  const port = await listening(app)
  return async (path) => {
    seen.length = 0
    expect((await ask(port, path)).status).toBe(200)
    return seen[0] ?? 'not seen'
  }
}

const route = (path: string): Parameters<ReturnType<typeof mesh>['app']['mesh']['add']>[0] => ({ match: { path }, reply: { status: 200 } })

/** Notes what came through, in a scope that the mesh-wide filter `last` does not reach. */
const noting = (into: string[]): Filter => ({ name: 'noting', onEnd: (exchange) => void into.push((exchange.state.marks ?? []).join(',')) })

describe('a filter', () => {
  test('of the root is asked for every route of the root, made before it or after', async () => {
    const through = await marked((app) => {
      app.mesh.add(route('/before'))
      app.mesh.filter(mark('root'))
      app.mesh.add(route('/after'))
    })
    expect([await through('/before'), await through('/after')]).toEqual(['root', 'root'])
  })

  test('of a scope is asked after its parent\'s, and nowhere else', async () => {
    const seen: string[] = []
    const { app } = mesh()
    app.mesh.filter(noting(seen))
    app.mesh.filter(mark('root'))
    app.mesh.add(route('/root'))
    app.register(async (one) => {
      one.mesh.filter(mark('one'))
      one.mesh.add(route('/one'))
      one.register(async (inner) => {
        inner.mesh.filter(mark('inner'))
        inner.mesh.add(route('/inner'))
      })
    })
    app.register(async (two) => {
      two.mesh.add(route('/two'))
    })
    const port = await listening(app)
    for (const path of ['/root', '/one', '/inner', '/two']) await ask(port, path)
    expect(seen).toEqual(['root', 'root,one', 'root,one,inner', 'root'])
  })

  test('that is added to a parent later is not in the scopes that were made before', async () => {
    const seen: string[] = []
    const { app } = mesh()
    app.mesh.filter(noting(seen))
    app.register(async (scope) => {
      scope.mesh.add(route('/scope'))
    })
    app.after(() => {
      app.mesh.filter(mark('late'))
    })
    app.mesh.add(route('/root'))
    const port = await listening(app)
    for (const path of ['/scope', '/root']) await ask(port, path)
    expect(seen).toEqual(['', 'late'])
  })

  test('of a plugin without a scope of its own lands in the scope that registers it', async () => {
    const through = await marked(async (app) => {
      await app.register(fastifyPlugin(async (same) => same.mesh.filter(mark('plugin'))))
      app.mesh.add(route('/root'))
    })
    expect(await through('/root')).toBe('plugin')
  })

  test('of a route is asked after those of its scope', async () => {
    const through = await marked((app) => {
      app.mesh.add({ ...route('/own'), filters: [mark('route')] })
      app.mesh.add(route('/other'))
      app.mesh.filter(mark('root'))
    })
    expect([await through('/own'), await through('/other')]).toEqual(['root,route', 'root'])
  })
})

test('services, names and snapshot are the same in every scope', async () => {
  const { app } = mesh()
  app.register(async (scope) => {
    await scope.mesh.service('users', { endpoints: ['a:80'] })
    scope.mesh.provide('retry', 'never', () => ({ next: () => undefined }))
    expect(scope.mesh).not.toBe(app.mesh)
  })
  await app.ready()
  expect(app.mesh.provided('retry').map(({ name }) => name)).toEqual(['never'])
  expect([...app.mesh.snapshot.services.keys()]).toEqual(['users'])
  expect(app.mesh.side).toBe('both')
})
