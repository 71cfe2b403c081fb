// Endpoints that a test can hurt: killed, stopped, slowed, refusing, failing.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Mode } from './endpoint-process.ts'

const program = fileURLToPath(new URL('endpoint-process.ts', import.meta.url))

/** One endpoint; it keeps its port when it is started again. */
export class Endpoint {
  readonly name: string
  readonly #journal: string
  #child: ChildProcess | undefined = undefined
  #port = 0

  /** @param journal a file that POSTs are written down in */
  constructor(name: string, journal: string) {
    this.name = name
    this.#journal = journal
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const child = fork(program, [this.name, this.#journal, String(this.#port)], { execArgv: ['--conditions=mw-source'] })
    this.#child = child
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    this.#port = port
  }

  /** SIGKILL: its connections are reset, nobody listens. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** SIGSTOP: connections are accepted by the system, and nobody answers. */
  hang(): void {
    this.#child?.kill('SIGSTOP')
  }

  wake(): void {
    this.#child?.kill('SIGCONT')
  }

  async become(mode: Mode): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const obeyed = once(child, 'message')
    child.send({ mode })
    await obeyed
  }
}
