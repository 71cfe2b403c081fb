// meshwright plugin new: writes the package of a plugin that works, with the tests that every plugin of its kind has to pass.
import path from 'node:path'
import { didYouMean, listed } from '../config/suggest.ts'
import { version } from '../version.ts'
import { usage } from './exit.ts'
import { packageFiles } from './plugin-package.ts'
import { asName, camelCase, filled, licence, refuseFilled, template, writeAll } from './scaffold.ts'

export interface PluginNewOptions {
  /** Where to; default: a folder of the package's name in the working directory. */
  readonly directory?: string
  /** Write into a folder that has files, and over those of the same name. */
  readonly force?: boolean
}

/** A plugin that is to be written. */
export interface NewPlugin {
  readonly kind: PluginKind
  /** As configurations name it: lower case, words joined by hyphens. */
  readonly name: string
  /** `meshwright-<kind>-<name>`. */
  readonly packageName: string
}

/** The questions that a template answers. */
export const pluginKinds = ['filter', 'balancer', 'discovery', 'health', 'outlier', 'admission', 'retry', 'identity'] as const

export type PluginKind = (typeof pluginKinds)[number]

/** What authors call a kind when they do not know our word for it. */
const otherWords: ReadonlyMap<string, PluginKind> = new Map([
  ['middleware', 'filter'],
  ['load-balancer', 'balancer'],
  ['resolver', 'discovery'],
  ['provider', 'discovery'],
  ['health-check', 'health'],
  ['outlier-detector', 'outlier'],
  ['limit', 'admission'],
  ['breaker', 'admission'],
  ['retry-policy', 'retry'],
  ['certificate', 'identity'],
])

/** The longest name that still makes a package name which npm takes. */
const maxNameLength = 100

/** Names of files that a package has anyway. */
const takenNames: ReadonlySet<string> = new Set(['index', 'test'])

/** Returns the exit code. Never asks: it writes into a folder with files only with `force`. */
export async function pluginNew(kindWord: string, nameWord: string, options: PluginNewOptions): Promise<number> {
  const kind = kindOf(kindWord)
  const name = nameOf(kind, nameWord)
  const plugin: NewPlugin = { kind, name, packageName: `meshwright-${kind}-${name}` }
  await refuseUsualName(plugin)
  const folder = options.directory ?? plugin.packageName
  if (!options.force) await refuseFilled(folder)
  const files = new Map([...packageFiles(plugin, version), ...(await templateFiles(plugin))])
  await writeAll(folder, files)
  console.log(report(plugin, folder, [...files.keys()]))
  return 0
}

function kindOf(word: string): PluginKind {
  const kind = pluginKinds.find((known) => known === word)
  if (kind !== undefined) return kind
  const meant = otherWords.get(word.toLowerCase())
  const hint = meant === undefined ? didYouMean(word, pluginKinds) : ` (here that is "${meant}")`
  throw usage(`"${word}" is no kind of plugin${hint}; the kinds are ${listed(pluginKinds)}`)
}

/** What follows `meshwright-<kind>-` may be given with it. */
function nameOf(kind: PluginKind, word: string): string {
  const name = word.startsWith(`meshwright-${kind}-`) ? word.slice(`meshwright-${kind}-`.length) : word
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) throw usage(`"${word}" is no name for a plugin: lower-case letters and digits, words joined by hyphens${asName(name)}`)
  if (name.length > maxNameLength) throw usage(`the name has ${name.length} characters; at most ${maxNameLength} make a package name that npm takes`)
  if (takenNames.has(name)) throw usage(`a plugin cannot be named "${name}": that is a file of the package`)
  return name
}

/** A name that every mesh of the command knows already would stop it at boot. */
async function refuseUsualName({ kind, name }: NewPlugin): Promise<void> {
  const { loadDefaults } = await import('../config/load.ts')
  const { provided } = await loadDefaults()
  if (provided.some((one) => one.kind === kind && one.name === name)) throw usage(`the ${kind} "${name}" comes with meshwright: take another name`)
}

/** The files of the kind, as they are called in the package. */
async function templateFiles({ kind, name, packageName }: NewPlugin): Promise<Map<string, string>> {
  const camel = camelCase(`${name}-${kind}`)
  const words = { __name__: name, __package__: packageName, __camel__: camel, __Camel__: `${camel[0]?.toUpperCase()}${camel.slice(1)}`, __range__: `^${version}` }
  const places = { '__name__.ts': `src/${name}.ts`, 'index.ts': 'src/index.ts', 'test.ts': `src/${name}.test.ts`, 'README.md': 'README.md', 'mesh.yaml': 'mesh.yaml' }
  const files = new Map<string, string>()
  for (const [from, to] of Object.entries(places)) files.set(to, filled(await template(`${kind}/${from}`), words))
  return files.set('LICENSE', await licence())
}

function report({ kind, name, packageName }: NewPlugin, folder: string, files: readonly string[]): string {
  const shown = path.relative('.', folder) || '.'
  const parts = [
    [`src/${name}.ts`, 'the answer: begin here'],
    [`src/${name}.test.ts`, `what every ${kind} promises, and what this one does`],
    ['src/index.ts', 'the door: its name, and the schema of its options'],
    ['mesh.yaml', 'a mesh that uses it'],
  ] as const
  const width = Math.max(...parts.map(([file]) => file.length))
  return `wrote ${packageName}, ${files.length} files in ${shown}

${parts.map(([file, what]) => `  ${file.padEnd(width)}  ${what}`).join('\n')}

next:
  cd ${shown}
  npm install
  npm test
  npm start`
}
