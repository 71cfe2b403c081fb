// The VMs of one thread: filters of the same id, module and VM configuration share one.
import { createHash } from 'node:crypto'
import { dialects, type Dialect } from './dialect.ts'
import type { LoadedModule } from './load.ts'
import type { RootContext } from './root-context.ts'
import type { PluginSettings, Surroundings } from './surroundings.ts'
import { VmInstance, type InstanceOptions, type InstanceUser } from './vm-instance.ts'

/** A plugin in a VM, ready for streams. */
export interface Serving {
  readonly instance: VmInstance
  readonly root: RootContext
}

/** Where a filter has its VM from. */
export interface InstanceSource {
  readonly dialect: Dialect
  /** Makes, starts and configures the plugin in the VM that it shares, or in a new one. @throws GuestFailure, RefusedModule */
  serve(user: InstanceUser): Serving
  /** The VM was used enough: whoever comes next gets a new one. */
  drop(instance: VmInstance): void
}

/** Uses a VM only to see whether it would start. */
export const nobody: InstanceUser = {
  vmFailed() {},
  used() {},
}

export class VmPool {
  readonly #instances = new Map<string, VmInstance>()
  readonly #changed: (by: number) => void

  /** @param changed told of each VM that is made (1) or ended (-1) */
  constructor(changed: (by: number) => void = () => {}) {
    this.#changed = changed
  }

  source(loaded: LoadedModule, surroundings: Surroundings, options: InstanceOptions): InstanceSource {
    const key = keyOf(loaded, surroundings.settings, options)
    const drop = (instance: VmInstance): void => {
      if (this.#instances.get(key) === instance) this.#instances.delete(key)
    }
    const make = (): VmInstance => {
      const ended = this.#count()
      try {
        return new VmInstance(loaded, surroundings, options, (instance) => {
          drop(instance)
          ended()
        })
      } catch (thrown) {
        ended()
        throw thrown
      }
    }
    return {
      dialect: dialects[surroundings.settings.dialect],
      drop,
      serve: (user) => {
        const known = this.#instances.get(key)
        if (known === undefined) return this.#serveNew(key, make(), user, surroundings)
        // What fails now must not end the VM that others use.
        const canary = make()
        canary.retire(canary.add(nobody, surroundings))
        return { instance: known, root: known.add(user, surroundings) }
      },
    }
  }

  /** Counts a VM; answers how to uncount it, once. */
  #count(): () => void {
    let isCounted = true
    this.#changed(1)
    return () => {
      if (isCounted) this.#changed(-1)
      isCounted = false
    }
  }

  #serveNew(key: string, instance: VmInstance, user: InstanceUser, surroundings: Surroundings): Serving {
    this.#instances.set(key, instance)
    return { instance, root: instance.add(user, surroundings) }
  }
}

/** What makes two filters share a VM. */
function keyOf(loaded: LoadedModule, settings: PluginSettings, options: InstanceOptions): string {
  const parts = [loaded.key, settings.vmId, Buffer.from(settings.vmConfiguration).toString('base64'), settings.environment, settings.dialect, options]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
