// The identity of a TLS listener: waited for with patience, guarded in what it publishes, stopped whatever it does.
import { isPromise } from '../chain.ts'
import { MeshError, toMeshError } from '../errors.ts'
import type { Identity, TlsMaterial } from '../questions.ts'

/** How long an identity may take to publish its first material. */
const maxStartMs = 10_000

/** What {@link watchIdentity} tells. */
export interface IdentityEvents {
  /** Puts material to use. @throws if it cannot be used */
  use(material: TlsMaterial): void
  /** It failed; the last material stays in use. */
  failed(error: MeshError): void
}

/**
 * Watches an identity. Resolves when the first material is in use.
 * @param name of the listener, for errors
 * @returns how to stop it
 * @throws MESH_LISTEN_FAILED if it throws, or if nothing that can be used comes within ten seconds
 */
export async function watchIdentity(name: string, identity: Identity, events: IdentityEvents): Promise<() => void> {
  const first = Promise.withResolvers<void>()
  const failed = (thrown: unknown, what: string): void => events.failed(toMeshError(thrown, 'MESH_PLUGIN_FAILED', `identity of listener "${name}": ${what}`))
  let stopped = false
  const use = (material: TlsMaterial): void => {
    if (stopped) return
    try {
      events.use(material)
      first.resolve()
    } catch (cause) {
      failed(cause, 'the key or certificate cannot be used')
    }
  }
  // As a promise from the start, so that what it throws at once is a rejection too.
  const starting = Promise.resolve(identity).then((answer): unknown => answer.watch(use))
  const stop = (): void => {
    stopped = true
    starting.then((halt) => callStop(halt)).catch((thrown: unknown) => failed(thrown, 'while stopping'))
  }
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_resolve, reject) => (timer = setTimeout(() => reject(new Error(`no key and certificate within ${maxStartMs} ms`)), maxStartMs)))
  try {
    await Promise.race([Promise.all([starting, first.promise]), tooLate])
    return stop
  } catch (cause) {
    stop()
    throw new MeshError('MESH_LISTEN_FAILED', `${name}: its identity failed`, cause)
  } finally {
    clearTimeout(timer)
  }
}

async function callStop(halt: unknown): Promise<void> {
  if (typeof halt !== 'function') return
  const answer: unknown = (halt as () => unknown)()
  if (isPromise(answer)) await answer
}
