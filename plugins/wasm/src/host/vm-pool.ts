// The VMs of one thread: filters of the same id, module and VM configuration share one.
import { createHash } from 'node:crypto'
import type { LoadedModule } from './load.ts'
import type { PluginSettings, Surroundings } from './surroundings.ts'
import { VmInstance, type InstanceOptions } from './vm-instance.ts'
import type { InstanceSource } from '../wasm.ts'

export class VmPool {
  readonly #instances = new Map<string, VmInstance>()

  /** Where a filter has its VM from. */
  source(loaded: LoadedModule, settings: PluginSettings, surroundings: Surroundings, options: InstanceOptions): InstanceSource {
    const key = keyOf(loaded, settings, options)
    return {
      take: () => this.#take(key, () => new VmInstance(loaded, surroundings, options)),
      drop: (instance) => {
        if (this.#instances.get(key) === instance) this.#instances.delete(key)
      },
    }
  }

  #take(key: string, make: () => VmInstance): VmInstance {
    const known = this.#instances.get(key)
    if (known !== undefined && !known.dead) return known
    this.#sweep()
    const made = make()
    this.#instances.set(key, made)
    return made
  }

  /** Nobody uses them any more. */
  #sweep(): void {
    for (const [key, instance] of this.#instances) if (instance.dead || instance.idle) this.#instances.delete(key)
  }
}

/** What makes two filters share a VM. */
function keyOf(loaded: LoadedModule, settings: PluginSettings, options: InstanceOptions): string {
  const parts = [loaded.sha256, settings.vmId, Buffer.from(settings.vmConfiguration).toString('base64'), settings.environment, options]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
