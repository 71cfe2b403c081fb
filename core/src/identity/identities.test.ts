// Identities across configurations: asked once, kept while they are named, and heard of only when they are in force.
import { describe, expect, test } from 'vitest'
import type { MeshError } from '../errors.ts'
import type { Identity, TlsMaterial } from '../questions.ts'
import { Registry } from '../registry.ts'
import { Identities, identitiesOfListeners, identitiesOfServices, type WantedIdentities } from './identities.ts'

const owner = 'service "a"'

/** Trust without a certificate needs no openssl: what differs is whether there is a pair. */
function empty(): TlsMaterial {
  return { certificates: [] }
}

/** An identity that the test publishes through. */
class Played implements Identity {
  publish: (material: TlsMaterial) => void = () => {}
  watched = 0
  stops = 0
  readonly #first: TlsMaterial | undefined

  constructor(first: TlsMaterial | undefined = empty()) {
    this.#first = first
  }

  watch(publish: (material: TlsMaterial) => void): () => void {
    this.publish = publish
    this.watched++
    if (this.#first !== undefined) publish(this.#first)
    return () => void this.stops++
  }
}

function identities(registry = new Registry()): { all: Identities; changes: [string, TlsMaterial][]; failures: MeshError[] } {
  const changes: [string, TlsMaterial][] = []
  const failures: MeshError[] = []
  const all = new Identities(registry, { changed: (one, material) => void changes.push([one, material]), failed: (error) => void failures.push(error) })
  return { all, changes, failures }
}

const one = (identity: Identity): WantedIdentities => new Map([[owner, identity]])

test('that an owner has none any more is heard of once, also if it was only begun with', async () => {
  const gone: string[] = []
  const all = new Identities(new Registry(), { gone: (owner) => void gone.push(owner), failed() {} })
  const both = new Map([[owner, new Played()], ['service "b"', new Played()]])
  ;(await all.prepare(both)).commit()
  ;(await all.prepare(both)).commit()
  expect(gone).toEqual([])
  ;(await all.prepare(one(new Played()))).commit()
  expect(gone).toEqual(['service "b"'])
  const undone = await all.prepare(both)
  undone.begin()
  undone.undo()
  expect(gone).toEqual(['service "b"', 'service "b"'])
  const neverBegun = await all.prepare(both)
  neverBegun.undo()
  all.close()
  expect(gone).toHaveLength(2)
})

describe('an identity', () => {
  test('is heard of when it is in force, and at each rotation from then on', async () => {
    const { all, changes } = identities()
    const played = new Played()
    const prepared = await all.prepare(one(played))
    expect(changes).toEqual([])
    prepared.commit()
    const next = empty()
    played.publish(next)
    expect(changes).toEqual([[owner, empty()], [owner, next]])
    expect(all.all.get(owner)).toBe(next)
    expect(prepared.get(owner)?.material).toBe(next)
    expect(prepared.get('service "b"')).toBeUndefined()
  })

  test('that rotates between being prepared and being in force is heard of once, with the last', async () => {
    const { all, changes } = identities()
    const played = new Played()
    const prepared = await all.prepare(one(played))
    const next = empty()
    played.publish(next)
    prepared.commit()
    expect(changes).toEqual([[owner, next]])
  })

  test('that stays is not asked again, and holds what it has published', async () => {
    const { all, changes } = identities()
    const played = new Played()
    const before = await all.prepare(one(played))
    before.commit()
    const after = await all.prepare(one(played))
    after.commit()
    expect([played.watched, played.stops, changes.length]).toEqual([1, 0, 1])
    expect(after.get(owner)).toBe(before.get(owner))
  })

  test('by name stays the same with the same options, and is another with others', async () => {
    const registry = new Registry()
    const made: Played[] = []
    registry.provide('identity', 'played', () => made[made.push(new Played()) - 1] as Played)
    const { all } = identities(registry)
    for (const options of [{ file: 'a' }, { file: 'a' }, { file: 'b' }]) (await all.prepare(new Map([[owner, { played: options }]]))).commit()
    await expect.poll(() => made.map(({ stops }) => stops)).toEqual([1, 0])
  })

  test('by value is another when it is another object, though both look the same', async () => {
    const { all } = identities()
    const [first, second] = [new Played(), new Played()]
    const before = await all.prepare(one(first))
    before.commit()
    const after = await all.prepare(one(second))
    after.commit()
    await expect.poll(() => [first.stops, second.stops]).toEqual([1, 0])
    expect(after.get(owner)?.id).not.toBe(before.get(owner)?.id)
  })

  test('that is not named any more is stopped and not heard any more; so are all when it is over', async () => {
    const { all, changes } = identities()
    const [first, second] = [new Played(), new Played()]
    ;(await all.prepare(new Map([['listener "x"', first], [owner, second]]))).commit()
    ;(await all.prepare(one(second))).commit()
    await expect.poll(() => first.stops).toBe(1)
    first.publish(empty())
    expect(changes).toHaveLength(2)
    all.close()
    await expect.poll(() => second.stops).toBe(1)
    expect(all.all.size).toBe(0)
  })

  test('that fails takes with it those that were asked with it, and leaves those in force', async () => {
    const { all, failures } = identities()
    const [old, fresh] = [new Played(), new Played()]
    ;(await all.prepare(one(old))).commit()
    const bad: Identity = { watch: () => Promise.reject(new Error('no luck')) }
    await expect(all.prepare(new Map<string, Identity>([[owner, old], ['service "b"', fresh], ['service "c"', bad]]))).rejects.toMatchObject({ code: 'MESH_IDENTITY_FAILED', message: expect.stringMatching(/service "c": no luck/) })
    await expect.poll(() => fresh.stops).toBe(1)
    expect([old.stops, all.all.size, failures]).toEqual([0, 1, []])
  })

  test('that is new is heard of before the old one is let go, and if it is given up then, the old one is heard of again', async () => {
    const { all, changes } = identities()
    const [oldMaterial, freshMaterial] = [empty(), empty()]
    const [old, gone, fresh] = [new Played(oldMaterial), new Played(), new Played(freshMaterial)]
    ;(await all.prepare(new Map([[owner, old], ['listener "gone"', gone]]))).commit()
    changes.length = 0
    const prepared = await all.prepare(one(fresh))
    prepared.begin()
    expect(changes.map(([, material]) => material)).toEqual([freshMaterial])
    expect(changes[0]?.[1]).toBe(freshMaterial)
    expect([...all.all.keys()]).toEqual([owner, 'listener "gone"'])
    prepared.undo()
    await expect.poll(() => fresh.stops).toBe(1)
    expect(changes.at(-1)?.[1]).toBe(oldMaterial)
    const rotated = empty()
    old.publish(rotated)
    expect(changes.at(-1)?.[1]).toBe(rotated)
    expect([old.stops, gone.stops]).toEqual([0, 0])
  })

  test('that was begun and is then in force is heard of once', async () => {
    const { all, changes } = identities()
    const [old, fresh] = [new Played(), new Played()]
    ;(await all.prepare(one(old))).commit()
    const prepared = await all.prepare(one(fresh))
    prepared.begin()
    prepared.commit()
    expect(changes).toHaveLength(2)
    await expect.poll(() => [old.stops, fresh.stops]).toEqual([1, 0])
  })

  test('that is given up is stopped', async () => {
    const { all } = identities()
    const played = new Played()
    ;(await all.prepare(one(played))).undo()
    await expect.poll(() => played.stops).toBe(1)
    expect(all.all.size).toBe(0)
  })

  test('that publishes what does not do keeps what it has, and that is told', async () => {
    const { all, changes, failures } = identities()
    const played = new Played()
    ;(await all.prepare(one(played))).commit()
    played.publish({ certificates: [{ key: 'nonsense', cert: 'nonsense' }] })
    played.publish(undefined as never)
    expect(changes).toHaveLength(1)
    expect(failures.map(({ code, message }) => `${code} ${message}`)).toEqual([
      expect.stringMatching(/^MESH_PLUGIN_FAILED .*identity of service "a": certificates\[0\]: the certificate cannot be used: it has no certificate in PEM$/),
      expect.stringMatching(/^MESH_PLUGIN_FAILED .*identity of service "a": /),
    ])
  })
})

test('listeners and services are asked for theirs, those without are left out', () => {
  const identity = new Played()
  const listeners = [{ address: 'a:1', identity }, { address: 'b:1' }]
  expect([...identitiesOfListeners(listeners, ({ address }) => address)]).toEqual([['listener "a:1"', identity]])
  const services = { plain: {}, secure: { tls: true }, own: { tls: { identity } }, roots: { tls: { serverName: 'x' } } }
  expect([...identitiesOfServices(Object.entries(services))]).toEqual([['service "own"', identity]])
})
