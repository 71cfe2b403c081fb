// Runs the command as users do: as a process of its own.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Full path of the command's entry file. */
export const bin: string = fileURLToPath(new URL('../../bin/meshwright.cjs', import.meta.url))

/** What a finished command leaves. */
export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that is running. */
export class Command {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly finished: Promise<Finished>
  #isFinished = false
  #changed = Promise.withResolvers<void>()

  constructor(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
    const inherited = { ...process.env, ...env }
    delete inherited['NODE_OPTIONS']
    this.child = spawn(process.execPath, [bin, ...args], { cwd, env: inherited, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#add('stdout', text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#add('stderr', text))
    this.finished = new Promise((resolve) => this.child.on('close', (code) => resolve({ code, stdout: this.stdout, stderr: this.stderr })))
    void this.finished.then(() => {
      this.#isFinished = true
      this.#wake()
    })
  }

  /** Resolves with the match once what was printed matches; rejects if the command ends before. */
  async until(where: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this[where])
      if (found !== null) return found
      // Not when it has exited: what it has printed may still be in the pipe.
      if (this.#isFinished) throw new Error(`ended with ${this.child.exitCode ?? this.child.signalCode} before ${pattern}:\n${this.stdout}\n${this.stderr}`)
      await this.#changed.promise
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.finished
  }

  #add(where: 'stdout' | 'stderr', text: string): void {
    this[where] += text
    this.#wake()
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

/** A directory for one test; removed at its end. */
export class Folder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** Makes a directory with these files. */
  static async create(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
    const folder = new Folder(await mkdtemp(join(tmpdir(), 'meshwright-')))
    for (const [name, text] of Object.entries(files)) await folder.write(name, text)
    return folder
  }

  /** Full path of a file in it. */
  file(name: string): string {
    return join(this.path, name)
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(this.file(name)), { recursive: true })
    await writeFile(this.file(name), text)
  }

  /** Changes a file that somebody watches, at once: nobody reads it half written, or takes one change for two. */
  async replace(name: string, text: string): Promise<void> {
    await this.write(`${name}.next`, text)
    await rename(this.file(`${name}.next`), this.file(name))
  }

  /** Runs a command in it to its end. */
  async run(...args: string[]): Promise<Finished> {
    return new Command(args, this.path).finished
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true })
  }
}
