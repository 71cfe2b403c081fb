// Watches one file through everything that may happen to it: writes, replacement by renaming, and swapped symbolic links.
import { createHash } from 'node:crypto'
import { watch, type FSWatcher } from 'node:fs'
import { readFile, realpath } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** When a change counts. */
export interface WatchOptions {
  /** How long nothing must happen before the file is looked at. Milliseconds; default 100. */
  readonly quietMs?: number
  /** How long a file that never comes to rest is left alone. Milliseconds; default 1000. */
  readonly mostMs?: number
  /** How often to look where the system cannot watch. Milliseconds; default 2000. */
  readonly pollMs?: number
}

/**
 * Calls `onChange` each time the content of a file has become another, and not when it was only touched.
 * A file that is away for a moment is waited for. Directories are watched, since a watched file is lost when it is replaced.
 * Life: 1. `start` 2. events gather 3. quiet: the content is hashed 4. `onChange`, awaited; then from 2. again 5. `stop`.
 */
export class FileWatch {
  readonly #file: string
  readonly #onChange: () => Promise<void>
  readonly #options: Required<WatchOptions>
  #watchers = new Map<string, FSWatcher>()
  #poll: NodeJS.Timeout | undefined
  #quiet: NodeJS.Timeout | undefined
  #firstEventAt = 0
  #hash: string | undefined
  #isLooking = false
  #hasEvent = false
  #isStopped = false

  constructor(file: string, onChange: () => Promise<void>, options: WatchOptions = {}) {
    this.#file = resolve(file)
    this.#onChange = onChange
    this.#options = { quietMs: 100, mostMs: 1000, pollMs: 2000, ...options }
  }

  /** Begins to watch. @param contentHash sha-256 in hex of the content that is known already */
  async start(contentHash: string): Promise<void> {
    this.#hash = contentHash
    await this.#watchDirectories()
    // What changed between reading and watching made no event.
    this.#event()
  }

  /** Ends it. `onChange` may still be running. */
  stop(): void {
    this.#isStopped = true
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    clearInterval(this.#poll)
    clearTimeout(this.#quiet)
  }

  #event(): void {
    this.#hasEvent = true
    if (this.#isStopped || this.#isLooking) return
    const now = performance.now()
    if (this.#quiet === undefined) this.#firstEventAt = now
    const left = this.#firstEventAt + this.#options.mostMs - now
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => void this.#look(), Math.max(0, Math.min(this.#options.quietMs, left)))
    this.#quiet.unref()
  }

  async #look(): Promise<void> {
    this.#quiet = undefined
    this.#isLooking = true
    this.#hasEvent = false
    try {
      await this.#watchDirectories()
      if (!this.#isStopped && (await this.#hasChanged())) await this.#onChange()
    } finally {
      this.#isLooking = false
      // What happened meanwhile may have come after the content was read.
      if (this.#hasEvent) this.#event()
    }
  }

  async #hasChanged(): Promise<boolean> {
    const hash = await hashOf(this.#file)
    if (hash === undefined || hash === this.#hash) return false
    this.#hash = hash
    return true
  }

  /** The directory of the name, and that of the file it leads to: both can bring another content. */
  async #watchDirectories(): Promise<void> {
    const wanted = new Set([dirname(this.#file), dirname(await realpath(this.#file).catch(() => this.#file))])
    if (this.#isStopped) return
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.delete(directory)) continue
      watcher.close()
      this.#watchers.delete(directory)
    }
    for (const directory of wanted) this.#watch(directory)
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#event())
      watcher.on('error', () => this.#lose(directory))
      this.#watchers.set(directory, watcher)
    } catch {
      // Too many watches, or a file system without them: looking now and then finds the change as well, only later.
      this.#pollInstead()
    }
  }

  #lose(directory: string): void {
    this.#watchers.get(directory)?.close()
    this.#watchers.delete(directory)
    this.#pollInstead()
  }

  #pollInstead(): void {
    if (this.#isStopped) return
    this.#poll ??= setInterval(() => this.#event(), this.#options.pollMs).unref()
  }
}

async function hashOf(file: string): Promise<string | undefined> {
  try {
    return createHash('sha256').update(await readFile(file)).digest('hex')
  } catch {
    // Between removal and replacement there is nothing to read; the replacement makes another event.
    return undefined
  }
}
