// Notices that one of several files may have changed, however that was done: written, renamed over, or a symbolic link turned.
import { watch, type FSWatcher } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface FilesWatchOptions {
  /** Quiet time after a change before it is told. Milliseconds. */
  readonly debounceMs: number
  /** How often it is told without a change. Milliseconds. */
  readonly pollMs: number
}

/**
 * Watches the folders that the paths name, and those that the files really are in: the files themselves would not do, as a
 * rename leaves the watch with the old one, and a mounted secret is turned by a link two folders away.
 */
export class FilesWatch {
  readonly #paths: readonly string[]
  readonly #options: FilesWatchOptions
  readonly #look: () => Promise<void>
  readonly #watchers = new Map<string, FSWatcher>()
  #debounce: NodeJS.Timeout | undefined
  #changedMs = 0
  #poll: NodeJS.Timeout | undefined
  #looking = false
  #again = false
  #closed = false

  /** @param look called after each change and poll, never twice at a time; must not reject */
  constructor(paths: readonly string[], options: FilesWatchOptions, look: () => Promise<void>) {
    this.#paths = paths
    this.#options = options
    this.#look = look
  }

  /** Begins to watch, then takes a first look; rejects as that does. */
  async start(firstLook: () => Promise<void>): Promise<void> {
    // Watching before reading: a change in between is then seen as a change.
    this.#looking = true
    await this.#refresh()
    await firstLook()
    this.#looking = false
    if (this.#closed) return
    this.#poll = setInterval(() => void this.#run(), this.#options.pollMs)
    this.#poll.unref()
    if (this.#again) void this.#run()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#debounce)
    clearInterval(this.#poll)
    for (const [folder, watcher] of this.#watchers) this.#drop(folder, watcher)
  }

  #changed(): void {
    const { debounceMs } = this.#options
    const nowMs = performance.now()
    if (this.#debounce === undefined) this.#changedMs = nowMs
    // In a folder that is never quiet, waiting has to end some time.
    if (this.#closed || nowMs - this.#changedMs > 10 * debounceMs) return
    clearTimeout(this.#debounce)
    this.#debounce = setTimeout(() => {
      this.#debounce = undefined
      void this.#run()
    }, debounceMs)
  }

  async #run(): Promise<void> {
    this.#again = this.#looking
    if (this.#looking) return
    this.#looking = true
    do {
      this.#again = false
      await this.#refresh()
      if (!this.#closed) await this.#look()
    } while (this.#again && !this.#closed)
    this.#looking = false
  }

  async #refresh(): Promise<void> {
    const real = await Promise.all(this.#paths.map(realFolder))
    if (this.#closed) return
    const wanted = new Set([...this.#paths.map((path) => dirname(path)), ...real.filter((folder) => folder !== undefined)])
    for (const [folder, watcher] of this.#watchers) if (!wanted.has(folder)) this.#drop(folder, watcher)
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#add(folder)
  }

  #add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#changed())
      this.#watchers.set(folder, watcher)
      watcher.on('error', () => {
        this.#drop(folder, watcher)
        this.#changed()
      })
    } catch {
      // The folder is not there, or there are too many watches: looking from time to time has to do.
    }
  }

  #drop(folder: string, watcher: FSWatcher): void {
    watcher.close()
    if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder)
  }
}

async function realFolder(path: string): Promise<string | undefined> {
  try {
    return dirname(await realpath(path))
  } catch {
    return undefined
  }
}
