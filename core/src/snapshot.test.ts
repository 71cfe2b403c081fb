// A snapshot: routes compiled against services, with one chain for routes that share their filters.
import { describe, expect, test } from 'vitest'
import { MeshError } from './errors.ts'
import type { Filter } from './questions.ts'
import { Snapshot, type RouteSource } from './snapshot.ts'
import type { RouteSpec } from './spec.ts'
import { request, service } from './unit.test.kit.ts'

const services = new Map([['users', service()]])
const compile = (specs: readonly RouteSpec[], filters: readonly Filter[] = []): Snapshot => new Snapshot(1, specs.map((spec): RouteSource => ({ spec, filters })), services, [])

describe('a route', () => {
  test.each<[RouteSpec, string]>([
    [{ to: 'users', name: 'own' }, 'own'],
    [{ to: 'users' }, '/*'],
    [{ to: 'users', match: { path: '/a/*' } }, '/a/*'],
    [{ to: 'users', match: { path: { prefix: '/a/' } } }, '/a/*'],
    [{ to: 'users', match: { host: ['a.example', 'b.example'], path: { exact: '/a' } } }, 'a.example/a'],
    [{ to: 'users', match: [{ path: { regex: '/[a-z]+' } }, { path: '/b' }] }, '/[a-z]+'],
  ])('has a name for people: %j is %s', (spec, name) => {
    expect(compile([spec]).routes[0]?.name).toBe(name)
  })

  test('with several matches is found by each of them', () => {
    const snapshot = compile([{ to: 'users', name: 'r', match: [{ path: '/a' }, { path: '/b' }] }])
    expect(['/a', '/b', '/c'].map((path) => snapshot.match(request({ path }))?.name)).toEqual(['r', 'r', undefined])
    expect(snapshot.routes.map((route) => route.name)).toEqual(['r', 'r'])
  })

  test.each<[string, RouteSpec, string]>([
    ['no target', {}, 'MESH_BAD_ROUTE'],
    ['two targets', { to: 'users', reply: { status: 200 } }, 'MESH_BAD_ROUTE'],
    ['a status that is none', { reply: { status: 700 } }, 'MESH_BAD_ROUTE'],
    ['an unknown service', { to: 'absent' }, 'MESH_UNKNOWN_SERVICE'],
    ['one unknown service among others', { to: [{ service: 'users' }, { service: 'absent' }] }, 'MESH_UNKNOWN_SERVICE'],
    ['weights of nothing', { to: [{ service: 'users', weight: 0 }] }, 'MESH_BAD_ROUTE'],
    ['a bad expression', { to: 'users', match: { path: { regex: '(' } } }, 'MESH_BAD_ROUTE'],
  ])('with %s is refused, by name', (_name, spec, code) => {
    let thrown: unknown
    try {
      compile([{ ...spec, name: 'mine' }])
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(MeshError)
    expect(thrown).toMatchObject({ code, message: expect.stringContaining('"mine"') })
  })
})

test('routes that share their filters share one chain', () => {
  const filters: Filter[] = [{ name: 'a' }]
  const [one, two] = compile([{ to: 'users', match: { path: '/1' } }, { to: 'users', match: { path: '/2' } }], filters).routes
  expect(one?.chain).toBe(two?.chain)
})
