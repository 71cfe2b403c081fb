// Compiles filters in a thread of its own, which stays warm: the first one takes seconds, the next ones a part of one.
import { Worker } from 'node:worker_threads'
import type { Compiled, CompileOptions } from './compile.ts'

const entry = new URL(import.meta.url.endsWith('.ts') ? './compile-worker.ts' : './compile-worker.js', import.meta.url)

interface Job {
  readonly options: CompileOptions
  readonly resolve: (compiled: Compiled) => void
  readonly reject: (error: Error) => void
}

/** Compiles one after the other. Does not keep the process alive while it has nothing to do. */
export class FilterCompiler {
  #worker: Worker | undefined = undefined
  #running: Job | undefined = undefined
  readonly #queue: Job[] = []

  /**
   * What is wrong with the filter is in the diagnostics.
   * @throws Error if the compiler itself fails or was closed; the next compilation begins with a new thread
   */
  compile(options: CompileOptions = {}): Promise<Compiled> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ options, resolve, reject })
      this.#next()
    })
  }

  /** Ends the thread; compilations under way are rejected. */
  async close(): Promise<void> {
    this.#queue.length = 0
    await this.#worker?.terminate()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #next(): void {
    if (this.#running !== undefined) return
    this.#running = this.#queue.shift()
    if (this.#running === undefined) {
      this.#worker?.unref()
      return
    }
    const worker = (this.#worker ??= this.#start())
    worker.ref()
    worker.postMessage(this.#running.options)
  }

  #start(): Worker {
    const worker = new Worker(entry, { stdout: true, stderr: true })
    worker.on('message', (answer: { compiled: Compiled } | { error: string }) => {
      const job = this.#running
      this.#running = undefined
      if ('compiled' in answer) job?.resolve(answer.compiled)
      else job?.reject(new Error(answer.error))
      this.#next()
    })
    worker.on('error', (error: Error) => this.#ended(worker, error))
    worker.on('exit', () => this.#ended(worker, new Error('the compiler thread has ended')))
    return worker
  }

  #ended(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const job = this.#running
    this.#running = undefined
    job?.reject(error)
    this.#next()
  }
}

/** Compiles one filter. */
export async function compileFilter(options: CompileOptions = {}): Promise<Compiled> {
  await using compiler = new FilterCompiler()
  return await compiler.compile(options)
}
