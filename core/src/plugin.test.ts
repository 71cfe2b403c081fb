// What a plugin promises, and what is said of one that does not keep it.
import Fastify from 'fastify'
import { Type } from 'typebox'
import { afterEach, describe, expect, test } from 'vitest'
import { closeAll, mesh } from './mesh.test.kit.ts'
import { definePlugin, isPlugin, pluginMark } from './plugin.ts'
import { coreVersion } from './version.ts'

afterEach(closeAll)

const meta = { name: 'meshwright-retry-never', mesh: '^0.1.0' }
const options = Type.Object({ attempts: Type.Integer({ minimum: 1, default: 3 }) }, { additionalProperties: false })

describe('a plugin', () => {
  test('is handed the mesh of its scope and its options, with defaults', async () => {
    const { app } = mesh()
    const given: unknown[] = []
    const plugin = definePlugin<{ attempts?: number }>({ ...meta, options }, (own, opts) => {
      given.push(own, opts)
    })
    await app.register(plugin)
    await app.ready()
    expect([given[0] === app.mesh, given[1]]).toEqual([true, { attempts: 3 }])
  })

  test('may be registered with other options in another scope', async () => {
    const { app } = mesh()
    const seen: unknown[] = []
    const plugin = definePlugin<{ attempts?: number }>({ ...meta, options }, (_mesh, { attempts }) => void seen.push(attempts))
    app.register(async (scope) => void (await scope.register(plugin, { attempts: 1 })))
    app.register(async (scope) => void (await scope.register(plugin, { attempts: 2 })))
    await app.ready()
    expect(seen).toEqual([1, 2])
  })

  test('with wrong options does not start; the error names plugin and option', async () => {
    const { app } = mesh()
    app.register(definePlugin<{ attempts?: number }>({ ...meta, options }, () => {}), { attempts: 0, atempts: 1 } as never)
    const failed = await app.ready().then(() => undefined, (error: unknown) => error as Error)
    expect(failed).toMatchObject({ code: 'MESH_BAD_OPTIONS' })
    for (const part of ['plugin meshwright-retry-never', '"atempts"', 'attempts must be >= 1']) expect(failed?.message).toContain(part)
  })

  test('made for another version of the core does not start; the error names both', async () => {
    const { app } = mesh()
    app.register(definePlugin({ ...meta, mesh: '^99.0.0' }, () => {}))
    await expect(app.ready()).rejects.toMatchObject({
      code: 'MESH_PLUGIN_VERSION',
      message: expect.stringContaining(`meshwright-retry-never is for @meshwright/core ^99.0.0, this is ${coreVersion}`),
    })
  })

  test('whose range is none is made for no version', async () => {
    const { app } = mesh()
    app.register(definePlugin({ ...meta, mesh: 'latest' }, () => {}))
    await expect(app.ready()).rejects.toMatchObject({ code: 'MESH_PLUGIN_VERSION' })
  })

  test('in an app without a mesh does not start, and says how to make one', async () => {
    const app = Fastify()
    app.register(definePlugin(meta, () => {}))
    await expect(app.ready()).rejects.toMatchObject({ code: 'MESH_PLUGIN_SHAPE', message: expect.stringContaining('createMesh') })
  })

  test('that throws while it is set up stops the app from becoming ready', async () => {
    const { app } = mesh()
    app.register(definePlugin(meta, () => Promise.reject(new Error('no luck'))))
    await expect(app.ready()).rejects.toThrow('no luck')
  })

  test('that provides a name that is taken does not start', async () => {
    const { app } = mesh()
    const plugin = definePlugin(meta, (own) => own.provide('balancer', 'in-turn', () => ({ pick: ([first]) => first as never })))
    app.register(plugin)
    await expect(app.ready()).rejects.toMatchObject({ code: 'MESH_DUPLICATE_NAME' })
  })
})

describe('a module is a plugin', () => {
  test('if definePlugin made it, in this copy of the package or in another', () => {
    expect(isPlugin(definePlugin(meta, () => {}))).toBe(true)
    expect(isPlugin(Object.assign(() => {}, { [Symbol.for('meshwright.plugin')]: meta }))).toBe(true)
    expect(definePlugin(meta, () => {})[pluginMark]).toEqual(meta)
  })

  test.each([undefined, null, {}, 'text', () => {}, { [pluginMark]: meta }])('and nothing else is: %s', (value) => {
    expect(isPlugin(value)).toBe(false)
  })
})
