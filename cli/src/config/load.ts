// From a file's name to a mesh that may run: read, find the plugins, check everything.
import type { MeshSpec } from '@meshwright/core'
import { checkSource } from './check.ts'
import type { Provided } from './answers.ts'
import { Findings } from './findings.ts'
import { loadPlugins, type LoadedPlugin } from './plugins.ts'
import { hasErrors, sortProblems, type Problem } from './problems.ts'
import { readConfig } from './read.ts'
import { unplaced, type Source } from './source.ts'

/** What became of loading a configuration. */
export interface LoadedConfig {
  /** As the user named it. */
  readonly file: string
  /** Everything wrong with it, warnings included, in the order of the file. */
  readonly problems: readonly Problem[]
  /** What it says; undefined if there are errors. */
  readonly spec: MeshSpec | undefined
  /** The default plugins and those the file names, as far as they could be loaded. */
  readonly plugins: readonly LoadedPlugin[]
  readonly provided: readonly Provided[]
  /** The same for the same content; empty if the file could not be read. */
  readonly contentHash: string
}

export interface LoadOptions {
  /** Look at the files that identities and discoveries name as well. Default false: that is done when they are started. */
  readonly files?: boolean
}

/** Loads and checks a configuration. Never throws for what a file can say. */
export async function loadConfig(file: string, { files = false }: LoadOptions = {}): Promise<LoadedConfig> {
  const read = await readConfig(file)
  const { source, contentHash } = read
  if (read.problems.length > 0) return { file, problems: read.problems, spec: undefined, plugins: [], provided: [], contentHash }
  const findings = new Findings(source)
  const { plugins, provided } = await loadNames(file, source.value, findings)
  const checked = withoutConsequences([...findings.problems, ...checkSource(source, provided, read.isModule)])
  const refused = hasErrors(checked) ? [] : await compileProblems(source, plugins, files)
  const problems = sortProblems([...checked, ...refused])
  const spec = hasErrors(problems) ? undefined : located(toSpec(source.value), plugins)
  return { file, problems, spec, plugins, provided, contentHash }
}

async function compileProblems(source: Source, plugins: readonly LoadedPlugin[], files: boolean): Promise<readonly Problem[]> {
  const { checkCompile } = await import('./check-compile.ts')
  const findings = new Findings(source)
  await checkCompile(toSpec(source.value), plugins, { findings, files })
  return findings.problems
}

/** The plugins that every mesh of the command has, and the names they provide. For meshes without a file. */
export async function loadDefaults(): Promise<Pick<LoadedConfig, 'plugins' | 'provided' | 'problems'>> {
  const findings = new Findings(unplaced('meshwright', undefined))
  return { ...(await loadNames('meshwright', undefined, findings)), problems: findings.problems }
}

async function loadNames(file: string, root: unknown, findings: Findings): Promise<Pick<LoadedConfig, 'plugins' | 'provided'>> {
  // Loaded when a file could be read: the core takes longer to load than a syntax error to find.
  const { collectNames } = await import('./names.ts')
  const plugins = await loadPlugins(file, root, findings)
  return { plugins, provided: await collectNames(plugins, findings) }
}

/** Where a plugin is missing, so are its names; saying it once is enough. */
function withoutConsequences(problems: readonly Problem[]): readonly Problem[] {
  const isMissing = problems.some((problem) => problem.code === 'MW1202')
  return isMissing ? problems.filter((problem) => problem.code !== 'MW1201') : problems
}

/** With plugins by the place where they were found, so that every thread finds the same. */
function located(spec: MeshSpec, plugins: readonly LoadedPlugin[]): MeshSpec {
  if (spec.plugins === undefined) return spec
  const named = plugins.filter((plugin) => !plugin.isDefault)
  return { ...spec, plugins: named.map(({ url, options }) => ({ name: url, options })) }
}

/** Without what is for editors only. */
function toSpec(value: unknown): MeshSpec {
  const { $schema: _, ...spec } = value as MeshSpec & { $schema?: string }
  return spec
}
