// One identity that is followed: waited for with patience, guarded in what it publishes, stopped whatever it does.
import { isPromise } from '../chain.ts'
import { MeshError, messageOf, toMeshError } from '../errors.ts'
import type { Identity, TlsMaterial } from '../questions.ts'
import { checkMaterial } from './material.ts'

/** How long an identity may take to publish its first material. */
const maxStartMs = 10_000

/** What {@link watchIdentity} tells. */
export interface IdentityEvents {
  /** Puts material to use that has been checked. @throws if it cannot be used all the same */
  use(material: TlsMaterial): void
  /** It failed; the last material stays in use. */
  failed(error: MeshError): void
}

/**
 * Watches an identity. Resolves when the first material is in use.
 * @param owner whose it is, for errors: `listener "public"`
 * @returns how to stop it
 * @throws MESH_IDENTITY_FAILED if it throws, if nothing comes within ten seconds, or if what comes first cannot be used
 */
export async function watchIdentity(owner: string, identity: Identity, events: IdentityEvents): Promise<() => void> {
  const first = Promise.withResolvers<void>()
  const failed = (thrown: unknown, what: string): void => events.failed(toMeshError(thrown, 'MESH_PLUGIN_FAILED', `identity of ${owner}: ${what}`))
  let stopped = false
  let isInUse = false
  const use = (material: TlsMaterial): void => {
    if (stopped) return
    try {
      checkMaterial(material)
      events.use(material)
      isInUse = true
      first.resolve()
    } catch (cause) {
      if (isInUse) failed(cause, messageOf(cause))
      else first.reject(cause)
    }
  }
  // As a promise from the start, so that what it throws at once is a rejection too.
  const starting = Promise.resolve(identity).then((answer): unknown => answer.watch(use))
  const stop = (): void => {
    stopped = true
    const halted = starting.then(async (halt) => callStop(halt).catch((thrown: unknown) => failed(thrown, 'while stopping')))
    // What it could not start for is told by whoever waits for it, unless nobody does any more.
    halted.catch(() => {})
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => (timer = setTimeout(() => reject(new Error(`nothing came within ${maxStartMs / 1000} s`)), maxStartMs)))
  try {
    await Promise.race([Promise.all([starting, first.promise]), late])
    return stop
  } catch (cause) {
    stop()
    throw new MeshError('MESH_IDENTITY_FAILED', `${owner}: ${messageOf(cause)}`, cause)
  } finally {
    clearTimeout(timer)
  }
}

async function callStop(halt: unknown): Promise<void> {
  if (typeof halt !== 'function') return
  const answer: unknown = (halt as () => unknown)()
  if (isPromise(answer)) await answer
}
