// The connections of one thread to Redis: one per place, for as long as a limiter needs it.
import type { RedisStore } from './redis-store.ts'
import type { TlsSettings } from './tls.ts'

interface Used {
  readonly store: RedisStore
  users: number
}

type OpenStore = (url: string, prefix: string, tls: TlsSettings | undefined) => RedisStore

const maxStores = 16

export class Stores {
  readonly #open: OpenStore
  readonly #used = new Map<string, Used>()

  constructor(open: OpenStore) {
    this.#open = open
  }

  /** @throws RangeError if there are as many as there may be */
  take(url: string, prefix: string, tls?: TlsSettings): RedisStore {
    const key = keyOf(url, prefix, tls)
    const used = this.#used.get(key) ?? { store: this.#another(url, prefix, tls), users: 0 }
    used.users++
    this.#used.set(key, used)
    return used.store
  }

  /** To be called once for each {@link take}: the last one closes the connection. */
  release(url: string, prefix: string, tls?: TlsSettings): void {
    const key = keyOf(url, prefix, tls)
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

  #another(url: string, prefix: string, tls: TlsSettings | undefined): RedisStore {
    if (this.#used.size >= maxStores) throw new RangeError(`there are limiters with ${maxStores} different URLs and prefixes of Redis already`)
    return this.#open(url, prefix, tls)
  }
}

function keyOf(url: string, prefix: string, { ca = '', serverName = '' }: TlsSettings = {}): string {
  return `${prefix} ${url} ${serverName} ${ca}`
}
