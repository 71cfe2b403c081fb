// Watches the sources of something that is compiled, as far as the compiler has read them.
import { watch, type FSWatcher } from 'node:fs'
import path from 'node:path'

/** How long nothing must happen before it is compiled: editors write a file in several steps. */
const quietMs = 40
/** How often to look where the system cannot watch. */
const pollMs = 500

/**
 * Calls `onChange` when something may have happened to a source: once for changes that come together, and never twice at a time.
 * It looks whether something has, and answers which files count from then on.
 */
export class SourceWatch {
  readonly #folder: string
  readonly #onChange: () => Promise<readonly string[]>
  readonly #watchers = new Map<string, FSWatcher>()
  #quiet: NodeJS.Timeout | undefined = undefined
  #poll: NodeJS.Timeout | undefined = undefined
  #isChanging = false
  #hasEvent = false
  #isStopped = false

  /** @param folder what the files are relative to */
  constructor(folder: string, onChange: () => Promise<readonly string[]>) {
    this.#folder = folder
    this.#onChange = onChange
  }

  /** Begins with a change. Resolves when that is over. */
  async start(files: readonly string[]): Promise<void> {
    this.#follow(files)
    await this.#change()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#quiet)
    clearInterval(this.#poll)
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #event(): void {
    this.#hasEvent = true
    if (this.#isChanging || this.#isStopped) return
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => void this.#change(), quietMs)
  }

  async #change(): Promise<void> {
    this.#isChanging = true
    try {
      do {
        this.#hasEvent = false
        this.#follow(await this.#onChange())
      } while (this.#hasEvent && !this.#isStopped)
    } finally {
      this.#isChanging = false
    }
  }

  /** Folders are watched, since a watched file is lost when it is replaced; and a file that is missing comes into one. */
  #follow(files: readonly string[]): void {
    if (this.#isStopped) return
    const wanted = new Set(files.map((file) => path.dirname(path.resolve(this.#folder, file))))
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#watch(folder)
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, (_event, file) => {
        // Editors put files of their own beside it.
        if (file === null || file.endsWith('.ts')) this.#event()
      })
      watcher.on('error', () => this.#lose(folder))
      this.#watchers.set(folder, watcher)
    } catch {
      // Too many watches, or a file system without them: looking now and then finds the change as well, only later.
      this.#lose(folder)
    }
  }

  #lose(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
    if (!this.#isStopped) this.#poll ??= setInterval(() => this.#event(), pollMs)
  }
}
