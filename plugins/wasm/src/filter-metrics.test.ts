// What the metrics and the admin API tell of WASM filters.
/* oxlint-disable require-yield -- scripts of a guest are generators even where they call nothing */
import { createMesh } from '@meshwright/core'
import { expect, onTestFinished, test } from 'vitest'
import { shownFilters } from './filter-metrics.ts'
import { meshOf, until, type TestMesh } from './mesh.test.kit.ts'
import { call, die, header, puppet } from './puppet.test.kit.ts'

/** The admin API as the supervisor makes it: a server of its own, on which the plugins mount their routes. */
async function adminAnswer({ app }: TestMesh, path: string): Promise<unknown> {
  const admin = createMesh()
  onTestFinished(async () => admin.close())
  for (const mount of app.mesh.runtime.adminMounts) mount(admin)
  return (await admin.inject(path)).json()
}

const guest = (): Uint8Array =>
  puppet({
    *on_vm_start() {
      yield* call('proxy_set_tick_period_milliseconds', 2)
      return 1
    },
    *on_request_headers() {
      if ((yield* header(0, 'x-die')) === 'yes') yield* die()
      return 1
    },
    *on_tick() {
      for (let id = 2; id < 20; id++) if ((yield* call('proxy_set_effective_context', id)) === 0) yield* call('proxy_continue_stream', 0)
    },
  })

test('calls, costs, waits, failures, streams and memory are told by name', async () => {
  const mesh = await meshOf([{ guest: guest(), name: 'b', onFailure: 'reload' }, { guest: guest(), name: 'a', onFailure: 'reload' }])
  expect(await adminAnswer(mesh, '/v1/filters')).toMatchObject({ filters: [{ name: 'a', reloads: 0, failures: {}, streams: 0, memoryBytes: 262_144 }, { name: 'b' }] })
  for (let i = 0; i < 3; i++) await mesh.ask()
  await mesh.ask({ headers: { 'x-die': 'yes' } })
  await mesh.ask()
  await until(() => shownFilters(mesh.app.mesh.collect()).filters.every(({ streams }) => streams === 0))
  const { filters } = shownFilters(mesh.app.mesh.collect())
  expect(filters).toMatchObject([{ name: 'a', failures: {}, reloads: 0 }, { name: 'b', failures: { trap: 1 }, reloads: 1, memoryBytes: 262_144 }])
  for (const { calls, fuel, cpuSeconds, pausedSeconds } of filters) {
    expect(calls).toBeGreaterThan(8)
    expect(fuel).toBeGreaterThan(calls)
    expect(cpuSeconds).toBeGreaterThan(0)
    expect(pausedSeconds).toBeGreaterThan(0)
  }
})

test('a filter that is gone has neither streams nor memory, and its VM has ended', async () => {
  const mesh = await meshOf([{ guest: guest(), name: 'a' }])
  const vms = (): unknown => mesh.app.mesh.collect().find(({ name }) => name === 'mesh_wasm_vms')?.series
  await mesh.ask()
  expect(vms()).toMatchObject([{ value: 1 }])
  await mesh.app.mesh.apply({ routes: [{ reply: { status: 200 } }] })
  expect(vms()).toMatchObject([{ value: 0 }])
  expect(shownFilters(mesh.app.mesh.collect()).filters).toMatchObject([{ name: 'a', streams: 0, memoryBytes: 0 }])
})
