// The connections of one thread to Redis: one per place, for as long as a limiter needs it.
import type { RedisStore } from './redis-store.ts'

interface Used {
  readonly store: RedisStore
  users: number
}

const maxStores = 16

export class Stores {
  readonly #open: (url: string, prefix: string) => RedisStore
  readonly #used = new Map<string, Used>()

  constructor(open: (url: string, prefix: string) => RedisStore) {
    this.#open = open
  }

  /** @throws RangeError if there are as many as there may be */
  take(url: string, prefix: string): RedisStore {
    const key = `${prefix} ${url}`
    const used = this.#used.get(key) ?? { store: this.#another(url, prefix), users: 0 }
    used.users++
    this.#used.set(key, used)
    return used.store
  }

  /** To be called once for each {@link take}: the last one closes the connection. */
  release(url: string, prefix: string): void {
    const key = `${prefix} ${url}`
    const used = this.#used.get(key)
    if (used === undefined || --used.users > 0) return
    this.#used.delete(key)
    void used.store.close()
  }

  async close(): Promise<void> {
    const all = [...this.#used.values()]
    this.#used.clear()
    await Promise.all(all.map(async ({ store }) => store.close()))
  }

  #another(url: string, prefix: string): RedisStore {
    if (this.#used.size >= maxStores) throw new RangeError(`there are limiters with ${maxStores} different URLs and prefixes of Redis already`)
    return this.#open(url, prefix)
  }
}
