// meshwright filter build: compiles a filter to the module that meshes run.
import { relative } from 'node:path'
import { buildFilter, sayCompiling, showDiagnostics, sizeText, timeText, type Built } from './filter-compile.ts'
import { findProject, shown, type FilterPlaces, type FilterProject } from './filter-project.ts'
import { createCompiler } from './filter-sdk.ts'

export interface FilterBuildOptions extends FilterPlaces {
  /** Keep names of functions, and write a source map. */
  readonly debug?: boolean
  readonly json?: boolean
}

/** Returns the exit code. */
export async function filterBuild(options: FilterBuildOptions): Promise<number> {
  const project = findProject(options)
  const built = await compileOnce(project, options.debug ?? false)
  if (options.json === true) console.log(JSON.stringify(reportOf(built, project), null, 2))
  else showDiagnostics(built.diagnostics, project.folder)
  if (built.file === undefined) return 1
  if (options.json !== true) console.log(`${shown(built.file)}  ${sizeText(built.bytes)}  sha256 ${built.sha256}  ${timeText(built.tookMs)}`)
  return 0
}

type Result = Awaited<ReturnType<typeof buildFilter>>

async function compileOnce(project: FilterProject, debug: boolean): Promise<Result> {
  const compiler = await createCompiler(project.folder)
  if (process.stderr.isTTY) sayCompiling(project)
  try {
    return await buildFilter(project, compiler, { mode: 'build', debug })
  } finally {
    await compiler.close()
  }
}

function reportOf(built: Result, { folder }: FilterProject): object {
  const { diagnostics } = built
  return built.file === undefined ? { ok: false, diagnostics } : { ok: true, ...numbersOf(built), file: relative(folder, built.file), diagnostics }
}

function numbersOf({ bytes, sha256, tookMs }: Built): object {
  return { bytes, sha256, tookMs: Math.round(tookMs) }
}
