// Runs `meshwright run` on the bookshop's configuration, as a reader of the README would.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

/** Where mesh.yaml says that the mesh listens. */
export const meshAddress = '127.0.0.1:8080'
/** Where mesh.yaml says that the admin API listens. */
export const adminAddress = '127.0.0.1:9901'

const bootDeadlineMs = 30_000

export interface RunningMesh {
  /** The exit code of the command, once it has ended. */
  readonly ended: Promise<number>
  /** Ends it as Ctrl-C does: what is under way may finish. */
  stop(): Promise<number>
}

export interface MeshOptions {
  /** The configuration file. */
  readonly file: string
  /** Where what the command prints goes, the access log included. */
  readonly log: string
  /** `host:port` of the admin API, which tells when the mesh is ready. */
  readonly admin: string
}

/** Resolves when the mesh is ready; rejects with what it printed if it ends before that. */
export async function runMesh({ file, log, admin }: MeshOptions): Promise<RunningMesh> {
  const child = start(file, log)
  const ended = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : 1))
  const stop = async (): Promise<number> => {
    child.kill('SIGTERM')
    return ended
  }
  const early = await Promise.race([ready(admin).catch((error: unknown) => error), ended])
  if (early === undefined) return { ended, stop }
  if (early instanceof Error) await stop()
  throw new Error(`the mesh did not start:\n${await readFile(log, 'utf8')}`, { cause: early })
}

function start(file: string, log: string): ChildProcess {
  const package_ = createRequire(import.meta.url).resolve('meshwright/package.json')
  const command = path.join(path.dirname(package_), 'bin', 'meshwright.cjs')
  const child = spawn(process.execPath, [command, 'run', file], { stdio: ['ignore', 'pipe', 'pipe'] })
  const sink = createWriteStream(log)
  child.stdout.pipe(sink, { end: false })
  child.stderr.pipe(sink, { end: false })
  return child
}

async function ready(admin: string): Promise<undefined> {
  const deadline = Date.now() + bootDeadlineMs
  while (Date.now() < deadline) {
    if (await answersReady(admin)) return undefined
    await wait(25)
  }
  throw new Error(`the admin API at ${admin} was not ready within ${bootDeadlineMs} ms`)
}

async function answersReady(admin: string): Promise<boolean> {
  try {
    const response = await fetch(`http://${admin}/ready`)
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false // nobody listens there yet
  }
}
