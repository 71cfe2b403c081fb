// A steady load: requests leave at their time whether or not the ones before have been answered.
import { Agent, request } from 'node:http'

/** One request that is over. */
export interface Outcome {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** 0: no answer. */
  readonly status: number
  /** When it left, and how long it took. Milliseconds. */
  readonly atMs: number
  readonly tookMs: number
  /** Attempts that the mesh made; 0 if it made none. */
  attempts: number
}

const giveUpMs = 60_000

export class Load {
  readonly outcomes: Outcome[] = []
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 })
  readonly #port: number
  readonly #timers: NodeJS.Timeout[] = []
  #next = 0
  #open = 0
  #drained: (() => void) | undefined = undefined

  /** @param port of the mesh on this machine */
  constructor(port: number) {
    this.#port = port
  }

  /** Requests a second, until `stop`. */
  start(rates: { readonly gets: number; readonly posts: number }): void {
    this.#timers.push(this.#every(rates.gets, 'GET'), this.#every(rates.posts, 'POST'))
  }

  /** No more; resolves when all have been answered or given up. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#drained = resolve))
    this.#agent.destroy()
  }

  /** Timers come late on a busy machine: what is due is sent all the same. */
  #every(perSecond: number, method: Outcome['method']): NodeJS.Timeout {
    const startedMs = performance.now()
    let sent = 0
    return setInterval(() => {
      for (const due = ((performance.now() - startedMs) * perSecond) / 1_000; sent < due; sent++) this.#send(method)
    }, 5)
  }

  #send(method: Outcome['method']): void {
    const path = `/${this.#next++}`
    const atMs = performance.now()
    this.#open++
    let over = false
    const end = (status: number): void => {
      if (over) return
      over = true
      this.outcomes.push({ method, path, status, atMs, tookMs: performance.now() - atMs, attempts: 0 })
      if (--this.#open === 0) this.#drained?.()
    }
    const sent = request({ host: '127.0.0.1', port: this.#port, method, path, agent: this.#agent, timeout: giveUpMs }, (response) => {
      response.resume()
      response.on('end', () => end(response.statusCode ?? 0))
      response.on('close', () => end(0))
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => end(0))
    sent.end(method === 'POST' ? path : undefined)
  }
}
