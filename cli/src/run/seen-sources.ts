// Remembers what sources were when they were compiled, so that a change is compiled once and none is missed.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** Hashes of files, and of the names of the sources in their folders. */
export type Look = ReadonlyMap<string, string>

export class SeenSources {
  readonly #folder: string
  #seen: Look = new Map()

  /** @param folder what the files are relative to */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Nothing was compiled yet. */
  get isNew(): boolean {
    return this.#seen.size === 0
  }

  /** What the files are now; undefined: what they were when they were compiled last. A file that is away for a moment counts as one that is empty. */
  async look(files: readonly string[]): Promise<Look | undefined> {
    const now = await this.#read(files)
    const isSame = now.size === this.#seen.size && [...now].every(([place, hash]) => this.#seen.get(place) === hash)
    return isSame ? undefined : now
  }

  /**
   * They have been compiled.
   * @param before what they were then: what changed meanwhile may not be in the module, and is a change when it is looked at again
   * @param files those that count from now on
   */
  async compiled(before: Look, files: readonly string[]): Promise<void> {
    const now = await this.#read(files)
    this.#seen = new Map([...now].map(([place, hash]) => [place, before.get(place) ?? hash]))
  }

  async #read(files: readonly string[]): Promise<Look> {
    const found = new Map<string, string>()
    for (const file of files) found.set(file, hashOf(await readFile(path.resolve(this.#folder, file)).catch(() => '')))
    const folders = new Set(files.map((file) => path.dirname(path.resolve(this.#folder, file))))
    for (const one of folders) found.set(`${one}/`, hashOf((await readdir(one).catch(() => [])).filter((name) => name.endsWith('.ts')).join('\0')))
    return found
  }
}

/** The sources in the folder of an entry, and below: a first look, before anybody knows which of them count. */
export async function sourcesBeside(entry: string, folder: string): Promise<string[]> {
  const within = path.posix.dirname(entry)
  const names = await readdir(path.join(folder, within), { recursive: true }).catch(() => [])
  const sources = names.filter((name) => name.endsWith('.ts')).map((name) => path.posix.join(within, name.split(path.sep).join('/')))
  return [...new Set([entry, ...sources])]
}

function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
