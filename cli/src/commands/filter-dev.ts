// meshwright filter dev: compiles a filter at each change, and swaps it into the mesh that it runs.
import type { RunningMesh } from '@meshwright/core'
import { reload } from '../run/reload.ts'
import { SeenSources, sourcesBeside } from '../run/seen-sources.ts'
import { SourceWatch } from '../run/watch-sources.ts'
import { configFile, loadForCommand } from './config-file.ts'
import { buildFilter, sayCompiling, showDiagnostics, timeText, type Built, type NotBuilt } from './filter-compile.ts'
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
    const { last } = dev
    const loaded = await loadForCommand(file)
    if (loaded?.spec === undefined) return 1
    const { spec, plugins, contentHash } = loaded
    return await serve({ spec, plugins, file, followed: { file, contentHash }, alongside: (running) => dev.swapInto(running, file, last) })
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
  /** What could be compiled last. */
  last: Built | undefined = undefined
  readonly #seen: SeenSources
  /** What was compiled last, well or badly. */
  #files: readonly string[] = []
  #swap: ((built: Built) => Promise<void>) | undefined = undefined

  constructor(project: FilterProject, compiler: Compiler) {
    this.#project = project
    this.#compiler = compiler
    this.#seen = new SeenSources(project.folder)
    this.#watch = new SourceWatch(project.folder, () => this.#compile())
  }

  /** Resolves when the filter could be compiled for the first time. */
  get firstBuilt(): Promise<void> {
    return this.#first.promise
  }

  /** Compiles, and follows the sources from then on. */
  async start(): Promise<void> {
    this.#files = await sourcesBeside(this.#project.entry, this.#project.folder)
    await this.#watch.start(this.#files)
    if (this.last === undefined) console.error('waiting for a change')
  }

  stop(): void {
    this.#watch.stop()
  }

  /** What is compiled from now on goes into this mesh. @param before what there was when it began to start; it may have read that */
  swapInto(running: RunningMesh, file: string, before: Built | undefined): () => void {
    this.#swap = async (built) => {
      const { revision } = running.status()
      await reload(running, file, view)
      if (running.status().revision !== revision) console.error(`${shown(built.file)}  compiled in ${timeText(built.tookMs)} and swapped in`)
    }
    if (this.last !== undefined && this.last !== before) void this.#swap(this.last)
    return () => this.stop()
  }

  async #compile(): Promise<readonly string[]> {
    const { folder, entry } = this.#project
    const before = await this.#seen.look(this.#files)
    if (before === undefined) return this.#files
    if (this.#seen.isNew) sayCompiling(this.#project)
    const built = await buildFilter(this.#project, this.#compiler, { mode: 'dev', debug: true }).catch((error: unknown) => notBuilt(error))
    showDiagnostics(built.diagnostics, folder)
    // What cannot be compiled may lack a file that a good one has read.
    this.#files = built.file === undefined ? [...new Set([entry, ...built.files, ...this.#files])] : built.files
    await this.#seen.compiled(before, this.#files)
    if (built.file !== undefined) await this.#use(built)
    return this.#files
  }

  async #use(built: Built): Promise<void> {
    this.last = built
    this.#first.resolve()
    if (this.#swap === undefined) console.error(`${shown(built.file)}  compiled in ${timeText(built.tookMs)}`)
    else await this.#swap(built)
  }
}

/** A disk that is full, a compiler that fails: the mesh goes on, and the next change may bring better luck. */
function notBuilt(error: unknown): NotBuilt {
  console.error(`meshwright: ${(error as Error).message}`)
  return { file: undefined, files: [], diagnostics: [] }
}
