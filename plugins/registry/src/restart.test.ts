// Whatever happens to a registry, one that opens its file afterwards knows the same: shown by chance, seeded.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { toInstance } from './instance.ts'
import { ServiceRegistry, type View } from './service-registry.ts'
import { openStore } from './store.ts'

/** Numbers from 0 up to 1, the same for the same seed. @source Marsaglia, "Xorshift RNGs" (2003) */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const services = ['a', 'b', 'c']

function open(file: string): ServiceRegistry {
  return new ServiceRegistry(openStore(file, () => {}), { maxInstances: 12, maxServices: 3 }, 0, { changed() {}, slept() {}, notWritten() {} })
}

/** What is known, but for the revisions of services, which are those of their last change or later. */
function known(registry: ServiceRegistry): unknown {
  const views = services.map((name): Partial<View> => ({ ...registry.view(name), revision: undefined as unknown as number, settled: true }))
  return { id: registry.id, revision: registry.revision, views, services: registry.services() }
}

test.each([1, 22, 333, 4444])('a restart loses nothing (seed %i)', async (seed) => {
  vi.useFakeTimers()
  const folder = mkdtempSync(path.join(tmpdir(), 'registry-'))
  const file = path.join(folder, 'registry.db')
  let registry = open(file)
  onTestFinished(() => {
    registry.close()
    rmSync(folder, { recursive: true })
    vi.useRealTimers()
  })
  const random = seeded(seed)
  const any = (count: number): number => Math.floor(random() * count)
  const leases: string[] = []
  const steps: readonly (() => unknown)[] = [
    () => leases.push(registry.register(toInstance({ service: services[any(3)], id: `i${any(6)}`, address: `h${any(8)}:80`, weight: 1 + any(3), ttlMs: 1000 + 1000 * any(3) })).lease),
    () => registry.deregister(services[any(3)] ?? '', `i${any(6)}`, random() < 0.5 ? undefined : leases[any(leases.length)]),
    () => registry.heartbeat(services[any(3)] ?? '', `i${any(6)}`, undefined),
    () => vi.advanceTimersByTimeAsync(any(900)),
  ]
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 60; i++) await refusedOrDone(steps[any(steps.length)])
    const before = known(registry)
    registry.close()
    registry = open(file)
    expect(known(registry)).toEqual(before)
  }
})

/** A full registry refuses; anything else that is thrown fails the test. */
async function refusedOrDone(step: (() => unknown) | undefined): Promise<void> {
  try {
    await step?.()
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: 'REGISTRY_FULL' })
  }
}
