// Runs `meshwright run` on the bookshop's configuration, as a reader of the README would.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'

const bootMs = 60_000

/** A mesh that serves. */
export interface RunningMesh {
  /** Where the listener `shop` is, as `http://host:port`. */
  readonly shop: string
  /** Where the listener `shop-tls` is, as `https://host:port`. */
  readonly shopTls: string
  /** Where the admin API is. */
  readonly admin: string
  /** Resolves when a path is answered with 200: its endpoints may have to register first. */
  serves(target: string): Promise<void>
  /** The exit code of the command, once it has ended. */
  readonly ended: Promise<number>
  /** What the command says to people from now on: what is wrong with a file that was changed. */
  readonly said: Readable
  /** Ends it as Ctrl-C does: what is under way may finish. */
  stop(): Promise<number>
}

/**
 * Resolves when the mesh is ready; rejects with what it printed if it ends before that.
 * @param file the configuration file
 * @param log where all that the command prints goes, the access log included
 */
export async function runMesh(file: string, log: string): Promise<RunningMesh> {
  const child = start(file)
  const written = keep(child, log)
  const ended = once(child, 'close').then(([code]) => (typeof code === 'number' ? code : 1))
  const addresses = await Promise.race([announced(child), ended, wait(bootMs, 'late' as const, { ref: false })])
  if (typeof addresses !== 'object') {
    child.kill('SIGKILL')
    await written
    throw new Error(`the mesh did not start:\n${await readFile(log, 'utf8')}`)
  }
  const stop = async (): Promise<number> => {
    child.kill('SIGTERM')
    return ended
  }
  return { ...addresses, serves: (target) => serves(addresses.shop + target), ended, said: child.stderr, stop }
}

type Piped = ChildProcess & { stdout: NonNullable<ChildProcess['stdout']>; stderr: NonNullable<ChildProcess['stderr']> }

/** The command; it does not outlive this process. */
function start(file: string): Piped {
  const manifest = createRequire(import.meta.url).resolve('meshwright/package.json')
  const command = path.join(path.dirname(manifest), 'bin', 'meshwright.cjs')
  const child = spawn(process.execPath, [command, 'run', file], { cwd: path.dirname(file), stdio: ['ignore', 'pipe', 'pipe'] })
  const endToo = (): void => void child.kill('SIGKILL')
  process.once('exit', endToo)
  child.once('exit', () => process.off('exit', endToo))
  return child
}

/** Resolves when everything has been written. */
async function keep(child: Piped, log: string): Promise<void> {
  const sink = createWriteStream(log)
  child.stdout.pipe(sink, { end: false })
  child.stderr.pipe(sink, { end: false })
  await once(child, 'close')
  sink.end()
  await once(sink, 'finish')
}

type Addresses = Pick<RunningMesh, 'shop' | 'shopTls' | 'admin'>

async function serves(url: string): Promise<void> {
  const lateMs = performance.now() + bootMs
  while ((await fetch(url)).status !== 200) {
    if (performance.now() > lateMs) throw new Error(`${url} is not served`)
    await wait(20)
  }
}

/** The command says where it listens once it does: `  shop   http://127.0.0.1:8080`, and the admin API last. */
function announced(child: Piped): Promise<Addresses> {
  const found = { shop: '', shopTls: '' }
  return new Promise((resolve) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        const [, name, printed = ''] = /^ +(shop|shop-tls|admin) +(https?:\S+)/.exec(line) ?? []
        const url = printed.replace(/\/$/, '')
        if (name === 'shop') found.shop = url
        if (name === 'shop-tls') found.shopTls = url
        if (name === 'admin') resolve({ ...found, admin: url })
      })
    }
  })
}
