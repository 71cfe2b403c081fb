// Reads a configuration file of any kind, within limits.
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { Findings } from './findings.ts'
import { readModule } from './module.ts'
import type { Problem, ProblemCode } from './problems.ts'
import { unplaced, type Source } from './source.ts'
import { readYaml } from './yaml.ts'

/** Bytes of the largest configuration file that is read. */
export const maxFileBytes = 10_000_000

const dataKinds = ['.yaml', '.yml', '.json']
const moduleKinds = ['.ts', '.mts', '.js', '.mjs']

/** What became of reading a file. */
export interface Read {
  readonly source: Source
  readonly problems: readonly Problem[]
  /** Of the bytes; the same for the same content. Empty if there are none. */
  readonly contentHash: string
  /** Whether answers may be given by value. */
  readonly isModule: boolean
}

/** Reads a file. Never throws: what is wrong is among the problems. @param file as the user named it */
export async function readConfig(file: string): Promise<Read> {
  const kind = extname(file).toLowerCase()
  const isModule = moduleKinds.includes(kind)
  if (!isModule && !dataKinds.includes(kind)) {
    return failed(file, 'MW1007', `"${kind}" is not a kind of configuration: use ${[...dataKinds, ...moduleKinds].join(', ')}`)
  }
  const bytes = await readBytes(file)
  if (!Buffer.isBuffer(bytes)) return bytes
  const contentHash = createHash('sha256').update(bytes).digest('hex')
  const text = toText(bytes)
  if (text === undefined) return failed(file, 'MW1003', 'the file is not UTF-8 text')
  if (text.trim() === '') return failed(file, 'MW1008', 'the file is empty')
  const read = isModule ? await readModule(file, resolve(file), text, contentHash) : readYaml(file, text)
  return { ...withValue(read), contentHash, isModule }
}

async function readBytes(file: string): Promise<Buffer | Read> {
  try {
    const { size } = await stat(file)
    if (size > maxFileBytes) return failed(file, 'MW1002', `the file has ${size} bytes; at most ${maxFileBytes} are read`)
    return await readFile(file)
  } catch (error) {
    return failed(file, 'MW1001', `the file cannot be read: ${reasonOf(error as NodeJS.ErrnoException)}`)
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  const words: Readonly<Record<string, string>> = { ENOENT: 'it does not exist', EACCES: 'permission denied', EISDIR: 'it is a directory' }
  return words[error.code ?? ''] ?? error.message
}

function toText(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** A file of comments only is as good as empty. */
function withValue(read: { source: Source; problems: readonly Problem[] }): { source: Source; problems: readonly Problem[] } {
  if (read.problems.length > 0 || (read.source.value !== null && read.source.value !== undefined)) return read
  return failed(read.source.file, 'MW1008', 'the file says nothing')
}

function failed(file: string, code: ProblemCode, message: string): Read {
  const source = unplaced(file, undefined)
  const findings = new Findings(source)
  findings.add(code, [], message)
  return { source, problems: findings.problems, contentHash: '', isModule: false }
}
