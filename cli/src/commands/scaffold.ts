// What the commands share that write a first package: names, templates, and folders that nobody's files are lost in.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { failure } from './exit.ts'

/** `, as "geo-ip"` for a word that is no name but could be one; else nothing. */
export function asName(word: string): string {
  const tidy = word.replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^[-0-9]+|-+$/g, '')
  return tidy === '' ? '' : `, as "${tidy}"`
}

/** @throws CommandFailure for a folder that has files, or is none */
export async function refuseFilled(folder: string): Promise<void> {
  const there = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw failure(`${folder} cannot be written to: ${(error as Error).message}`)
  })
  if (there.length > 0) throw failure(`${folder} exists already and has files; --force writes over them, --directory takes another folder`)
}

/** A file of the command's own, from the folder of templates. */
export async function template(file: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`../../templates/${file}`, import.meta.url)), 'utf8')
}

export async function licence(): Promise<string> {
  return readFile(new URL('../../LICENSE', import.meta.url), 'utf8')
}

/** With each `__word__` replaced. */
export function filled(text: string, words: Readonly<Record<string, string>>): string {
  return text.replaceAll(/__\w+?__/g, (word) => words[word] ?? word)
}

export function camelCase(words: string): string {
  return words.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/** @throws CommandFailure where they cannot be written */
export async function writeAll(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  try {
    for (const [file, text] of files) {
      const full = path.join(folder, file)
      await mkdir(path.dirname(full), { recursive: true })
      await writeFile(full, text)
    }
  } catch (error) {
    throw failure(`${folder} cannot be written to: ${(error as Error).message}`)
  }
}
