// Notices that a file may have changed, however that was done: written, renamed over, or a symbolic link turned.
import { watch, type FSWatcher } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Watches the folder that has the file's name, and the one that has the file itself when a symbolic link leads to it.
 * The file alone would not do: a rename over it leaves the watch on the old one. Says only that something happened;
 * a folder that is not there is tried again at each `refresh`.
 */
export class FolderWatch {
  readonly #path: string
  readonly #changed: () => void
  readonly #watchers = new Map<string, FSWatcher>()
  #closed = false

  constructor(path: string, changed: () => void) {
    this.#path = path
    this.#changed = changed
  }

  /** Looks anew which folders are to be watched. */
  async refresh(): Promise<void> {
    const wanted = new Set([dirname(this.#path), await folderOf(this.#path)])
    if (this.#closed) return
    for (const [folder, watcher] of this.#watchers) if (!wanted.has(folder)) this.#drop(folder, watcher)
    for (const folder of wanted) if (folder !== undefined && !this.#watchers.has(folder)) this.#add(folder)
  }

  close(): void {
    this.#closed = true
    for (const [folder, watcher] of this.#watchers) this.#drop(folder, watcher)
  }

  #add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#changed())
      this.#watchers.set(folder, watcher)
      watcher.on('error', () => this.#lost(folder, watcher))
    } catch {
      // The folder is not there, or there are too many watches: looking from time to time has to do.
    }
  }

  #lost(folder: string, watcher: FSWatcher): void {
    this.#drop(folder, watcher)
    this.#changed()
  }

  #drop(folder: string, watcher: FSWatcher): void {
    watcher.close()
    if (this.#watchers.get(folder) === watcher) this.#watchers.delete(folder)
  }
}

async function folderOf(path: string): Promise<string | undefined> {
  try {
    return dirname(await realpath(path))
  } catch {
    return undefined
  }
}
