// Packages of this repository and of others, ready to be installed where no registry can be reached.
import { execFile } from 'node:child_process'
import { cpSync, existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The folder of the repository. */
export const root: string = path.join(import.meta.dirname, '..', '..')

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
}

/** Folders of the command and of every package of ours that it depends on, by their names. */
export function workspacesOfCommand(): ReadonlyMap<string, string> {
  const all = new Map(globSync(['core', 'cli', 'plugins/*'], { cwd: root }).filter(isPackage).map((folder) => [manifestOf(path.join(root, folder)).name, folder]))
  const needed = ['meshwright', ...Object.keys(manifestOf(path.join(root, 'cli')).dependencies ?? {})]
  return new Map(needed.flatMap((name) => (all.has(name) ? [[name, all.get(name) as string] as const] : [])))
}

function isPackage(folder: string): boolean {
  return existsSync(path.join(root, folder, 'package.json'))
}

/** Packs folders of the repository; answers the tarball of each by the package's name. */
export async function pack(folders: readonly string[], cwd: string, destination: string): Promise<Map<string, string>> {
  const { stdout } = await npm(['pack', '--json', '--loglevel=error', '--pack-destination', destination, ...folders], cwd)
  // A script that runs before may have printed something.
  const parsed = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as readonly Packed[] | Readonly<Record<string, Packed>>
  return new Map((Array.isArray(parsed) ? (parsed as readonly Packed[]) : Object.values(parsed)).map(({ name, filename }) => [name, path.join(destination, filename)]))
}

interface Packed {
  readonly name: string
  readonly filename: string
}

/** Runs npm with nothing of this repository's settings. */
export async function npm(args: readonly string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, NODE_OPTIONS: '' }
  for (const name of Object.keys(env)) if (/^npm_/i.test(name)) Reflect.deleteProperty(env, name)
  return run('npm', [...args], { cwd, env, maxBuffer: 64 << 20 })
}

/** Copies what others have written and these packages of ours need, from the repository's node_modules into another folder's. */
export function copyDependencies(workspaces: Iterable<string>, folder: string): void {
  const copied = new Set<string>()
  const open = [...workspaces].map((one) => path.join(root, one))
  for (let from = open.pop(); from !== undefined; from = open.pop()) {
    for (const name of Object.keys(manifestOf(from).dependencies ?? {})) {
      const found = resolve(name, from)
      if (found === undefined || copied.has(found)) continue
      copied.add(found)
      open.push(found)
      cpSync(found, path.join(folder, path.relative(root, found)), { recursive: true, filter: (source) => source === found || path.basename(source) !== 'node_modules' })
    }
  }
}

/** Where Node finds a package of others; undefined for one of ours. */
function resolve(name: string, from: string): string | undefined {
  for (let at = from; at.startsWith(root); at = path.dirname(at)) {
    const candidate = path.join(at, 'node_modules', name)
    if (existsSync(candidate)) return name.startsWith('@meshwright/') || name === 'meshwright' ? undefined : candidate
  }
  throw new Error(`${name}, which ${from} needs, is not installed`)
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest
}
