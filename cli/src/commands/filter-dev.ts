// meshwright filter dev: compiles a filter at each change, and swaps it into the mesh that it runs.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { RunningMesh } from '@meshwright/core'
import { reload } from '../run/reload.ts'
import { SourceWatch } from '../run/watch-sources.ts'
import { configFile, loadForCommand } from './config-file.ts'
import { buildFilter, showDiagnostics, timeText, type Built } from './filter-compile.ts'
import { findProject, shown, type FilterPlaces, type FilterProject } from './filter-project.ts'
import { createCompiler, type Compiler } from './filter-sdk.ts'
import { serve, view } from './serve.ts'

export interface FilterDevOptions extends FilterPlaces {
  /** False: only compile. */
  readonly run?: boolean
}

/** Returns the exit code, when the mesh has stopped. */
export async function filterDev(named: string | undefined, options: FilterDevOptions): Promise<number> {
  const project = findProject(options)
  const file = options.run === false ? undefined : configFile(named)
  const compiler = await createCompiler(project.folder)
  const dev = new Development(project, compiler)
  try {
    await dev.start()
    if (file === undefined) return await new Promise<never>(() => {})
    await dev.firstBuilt
    const loaded = await loadForCommand(file)
    if (loaded?.spec === undefined) return 1
    const { spec, plugins, contentHash } = loaded
    return await serve({ spec, plugins, file, followed: { file, contentHash }, alongside: (running) => dev.swapInto(running, file) })
  } finally {
    dev.stop()
    await compiler.close()
  }
}

class Development {
  readonly #project: FilterProject
  readonly #compiler: Compiler
  readonly #watch: SourceWatch
  readonly #first = Promise.withResolvers<void>()
  /** Of the sources that were compiled last, well or badly. */
  #seen = ''
  #built: Built | undefined = undefined
  #swap: ((built: Built) => Promise<void>) | undefined = undefined

  constructor(project: FilterProject, compiler: Compiler) {
    this.#project = project
    this.#compiler = compiler
    this.#watch = new SourceWatch(project.folder, () => this.#compile())
  }

  /** Resolves when the filter could be compiled for the first time. */
  get firstBuilt(): Promise<void> {
    return this.#first.promise
  }

  /** Compiles, and follows the sources from then on. */
  async start(): Promise<void> {
    await this.#watch.start(this.#project.entry)
    if (this.#built === undefined) console.error('waiting for a change')
  }

  stop(): void {
    this.#watch.stop()
  }

  /** What is compiled from now on goes into this mesh. */
  swapInto(running: RunningMesh, file: string): () => void {
    this.#swap = async (built) => {
      const { revision } = running.status()
      await reload(running, file, view)
      if (running.status().revision !== revision) console.error(`${shown(built.file)}  compiled in ${timeText(built.tookMs)} and swapped in`)
    }
    return () => this.stop()
  }

  async #compile(): Promise<readonly string[]> {
    const { files } = await this.#compileIfChanged()
    return files
  }

  async #compileIfChanged(): Promise<{ readonly files: readonly string[] }> {
    const before = this.#built
    if (before !== undefined && this.#seen === (await hashOf(this.#project.folder, before.files))) return before
    const built = await buildFilter(this.#project, this.#compiler, { mode: 'dev', debug: true })
    showDiagnostics(built.diagnostics, this.#project.folder)
    // A filter that was good, then bad, then good again is compiled anew: the mesh may be about to read it.
    this.#built = built.file === undefined ? undefined : built
    if (built.file === undefined) return { files: [this.#project.entry, ...built.files, ...(before?.files ?? [])] }
    this.#seen = await hashOf(this.#project.folder, built.files)
    this.#first.resolve()
    if (this.#swap === undefined) console.error(`${shown(built.file)}  compiled in ${timeText(built.tookMs)}`)
    else await this.#swap(built)
    return built
  }
}

/** The same for the same contents. A file that is away for a moment makes another one, and is looked at again when it is back. */
async function hashOf(folder: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file}\0`).update(await readFile(path.resolve(folder, file)).catch(() => 'away'))
  return hash.digest('hex')
}
