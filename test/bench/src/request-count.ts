// How many requests the backend has seen: the one count that is the same whatever proxy is in front of it.
import { get } from 'node:http'
import { Agent } from 'node:http'

/** Reads a backend's count over one connection of its own. */
export class RequestCount {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number
  /** Questions asked here, which the backend counts too. */
  #asked = 0

  constructor(port: number) {
    this.#port = port
  }

  /** Requests so far, without those that asked for it. */
  async read(): Promise<number> {
    const text = await this.#page()
    this.#asked++
    const counts = /^ \d+ \d+ (\d+)/m.exec(text)
    if (counts === null) throw new Error(`the backend does not count: ${text}`)
    return Number(counts[1]) - this.#asked
  }

  close(): void {
    this.#agent.destroy()
  }

  #page(): Promise<string> {
    return new Promise((resolve, reject) => {
      get({ port: this.#port, host: '127.0.0.1', path: '/count', agent: this.#agent }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk)).on('end', () => resolve(text))
      }).on('error', reject)
    })
  }
}
