// What every identity promises.
import { messageOf } from '../errors.ts'
import { checkMaterial } from '../identity/material.ts'
import type { Identity, TlsMaterial } from '../questions.ts'
import { demand, register, show, type ConformancePromise, type Make } from './conformance.ts'
import { watchPromises, type WatchOptions } from './watching.ts'

/** What an author says of an identity: `change` rotates a key, `fail` breaks the source. */
export type IdentityOptions = WatchOptions

/** Each of them can be asked of any identity. */
export const identityPromises: readonly ConformancePromise<Identity, IdentityOptions>[] = watchPromises<Identity, TlsMaterial, IdentityOptions>({
  kind: 'identity',
  names: ['a listener', 'a service'],
  what: 'keys, certificates made for them, and roots, all of which can be read',
  start: (identity, _who, publish) => identity.watch(publish),
  demandGood(published) {
    demand(typeof published === 'object' && published !== null, 'TlsMaterial', show(published))
    demand(published.certificates?.length > 0 || published.ca !== undefined, 'at least a certificate or a root', show(Object.keys(published)))
    const wrong = mistakeIn(published)
    // Without the material itself: test output is no place for keys.
    demand(wrong === undefined, 'keys and certificates in PEM that belong together', wrong ?? '', 'material that cannot be used is refused whole, and the last one stays')
  },
})

/**
 * Registers a test for each of {@link identityPromises} that applies.
 * @param make a new identity at each call, in a world where it finds its keys
 */
export function testIdentity(make: Make<Identity>, options: IdentityOptions = {}): void {
  register(identityPromises, make, options)
}

function mistakeIn(material: TlsMaterial): string | undefined {
  try {
    checkMaterial(material)
    return undefined
  } catch (thrown) {
    return messageOf(thrown)
  }
}
