// The project of a filter for one test: packages as npm would have installed them, as links into this repository.
import { mkdir, realpath, symlink } from 'node:fs/promises'
import { createRequire, findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { Folder } from './child.ts'

const packages = ['meshwright', '@meshwright/core', '@meshwright/wasm', '@meshwright/filter-sdk', 'assemblyscript', '@types/node']

/** A new project, written by the command. @param options of it */
export async function filterFolder(name: string, ...options: readonly string[]): Promise<Folder> {
  const folder = await Folder.create()
  const { code, stderr } = await folder.run('filter', 'new', name, '--directory', '.', ...options)
  if (code !== 0) throw new Error(stderr)
  await linkPackages(folder)
  return folder
}

/** As `npm install` would. */
export async function linkPackages(folder: Folder): Promise<void> {
  for (const name of packages) {
    const target = folder.file(join('node_modules', name))
    await mkdir(dirname(target), { recursive: true })
    await symlink(await homeOf(name), target, 'junction')
  }
}

async function homeOf(name: string): Promise<string> {
  // The command itself is not among its own dependencies.
  if (name === 'meshwright') return dirname(createRequire(import.meta.url).resolve('../../package.json'))
  const manifest = findPackageJSON(name, import.meta.url)
  if (manifest === undefined) throw new Error(`${name} is not installed`)
  return realpath(dirname(manifest))
}
