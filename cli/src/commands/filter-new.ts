// meshwright filter new: writes the project of a WASM filter that works, with its test.
import path from 'node:path'
import { version } from '../version.ts'
import { usage } from './exit.ts'
import { packagePrefix } from './filter-project.ts'
import { asName, camelCase, filled, licence, refuseFilled, template, writeAll } from './scaffold.ts'

export interface FilterNewOptions {
  /** Where to; default: a folder of the filter's name in the working directory. */
  readonly directory?: string
  /** Write into a folder that has files, and over those of the same name. */
  readonly force?: boolean
  /** One for connections of TCP in place of requests. */
  readonly tcp?: boolean
}

/** The longest name that still makes a package name which npm takes. */
const maxNameLength = 100

/** Names that the template's own code uses: a class of the filter cannot have them. */
const takenClasses: ReadonlySet<string> = new Set(['Action', 'Counter', 'Data', 'HttpFilter', 'Map', 'Settings', 'TcpFilter'])

/** Templates, and where they go. Manifests and the like have other names here, where tools would take them for our own. `__name__` is the filter's. */
const places: Readonly<Record<string, string>> = {
  'manifest.json': 'package.json',
  'README.md': 'README.md',
  'mesh.yaml': 'mesh.yaml',
  'configuration.schema.json': 'configuration.schema.json',
  gitignore: '.gitignore',
  'types.json': 'tsconfig.json',
  'assembly/types.json': 'assembly/tsconfig.json',
  'assembly/index.ts': 'assembly/index.ts',
  'test/test.ts': 'test/__name__.test.ts',
}
/** Those that filters for TCP have of their own. */
const ownOfTcp: ReadonlySet<string> = new Set(['README.md', 'mesh.yaml', 'configuration.schema.json', 'assembly/index.ts', 'test/test.ts'])

/** Returns the exit code. Never asks: it writes into a folder with files only with `force`. */
export async function filterNew(word: string, options: FilterNewOptions): Promise<number> {
  const name = nameOf(word)
  const folder = options.directory ?? name
  if (options.force !== true) await refuseFilled(folder)
  const files = await filesOf(name, options.tcp === true)
  await writeAll(folder, files)
  console.log(report(name, folder, files.size))
  return 0
}

function nameOf(word: string): string {
  const name = word.startsWith(packagePrefix) ? word.slice(packagePrefix.length) : word
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) throw usage(`"${word}" is no name for a filter: lower-case letters and digits, words joined by hyphens${asName(name)}`)
  if (name.length > maxNameLength) throw usage(`the name has ${name.length} characters; at most ${maxNameLength} make a package name that npm takes`)
  return name
}

async function filesOf(name: string, tcp: boolean): Promise<Map<string, string>> {
  const words = { __name__: name, __metric__: name.replaceAll('-', '_'), __package__: `${packagePrefix}${name}`, __Camel__: classOf(name), __range__: `^${version}` }
  const files = new Map<string, string>()
  for (const [from, to] of Object.entries(places)) {
    const text = await template(`wasm-filter${tcp && ownOfTcp.has(from) ? '-tcp' : ''}/${from}`)
    files.set(filled(to, words), filled(text, words))
  }
  return files.set('LICENSE', await licence())
}

function classOf(name: string): string {
  const camel = camelCase(name)
  const word = `${camel[0]?.toUpperCase()}${camel.slice(1)}`
  return takenClasses.has(word) ? `${word}Filter` : word
}

function report(name: string, folder: string, count: number): string {
  const shown = path.relative('.', folder) || '.'
  const parts = [
    ['assembly/index.ts', 'the filter: begin here'],
    [`test/${name}.test.ts`, 'what it does, tested on the module as it is'],
    ['configuration.schema.json', 'what it can be configured with'],
    ['mesh.yaml', 'a mesh to try it in'],
  ] as const
  const width = Math.max(...parts.map(([file]) => file.length))
  return `wrote the filter ${name}, ${count} files in ${shown}

${parts.map(([file, what]) => `  ${file.padEnd(width)}  ${what}`).join('\n')}

next:
  cd ${shown}
  npm install
  npm test
  npm run dev`
}
