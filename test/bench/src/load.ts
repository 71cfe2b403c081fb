// The load generator: wrk, pinned beside the backend, run for some seconds or held and let go again.
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { type Spawned, loadCore, runPinned, spawnPinned } from './pinned.ts'
import { bytesReadBy } from './proc.ts'

/** What wrk measured. */
export interface Load {
  readonly requests: number
  readonly durationUs: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  /** Answers that were not 2xx or 3xx, and connections that failed. */
  readonly failures: number
}

// wrk keeps 8 bytes for each microsecond of it.
const timeoutSeconds = 60

const script = fileURLToPath(new URL('wrk-report.lua', import.meta.url))

const commandOf = (wrk: string, url: string, connections: number, seconds: number, fields: readonly string[] = []): readonly string[] => [
  wrk, '-t1', `-c${connections}`, `-d${seconds}s`, `-T${timeoutSeconds}s`, '-s', script, ...fields.flatMap((field) => ['-H', field]), url,
]

/** Loads a URL with keep-alive connections for some seconds; throws when a single answer was wrong. */
export async function load(wrk: string, url: string, connections: number, seconds: number): Promise<Load> {
  return readReport(await runPinned(loadCore, commandOf(wrk, url, connections, seconds)))
}

/** Reads what wrk-report.lua prints; throws when there were failures or no requests. */
export function readReport(report: string): Load {
  const line = report.split('\n').find((one) => one.startsWith('{'))
  if (line === undefined) throw new Error(`wrk has not reported: ${report}`)
  const found = JSON.parse(line) as Load
  if (found.failures > 0 || found.requests === 0) throw new Error(`${found.failures} failures in ${found.requests} requests`)
  return found
}

/**
 * A load that is on or off. Off means that wrk is stopped as a process: its connections stay open and nothing of the next
 * slice is spent on opening them, or on clearing away what the end of the last one broke off.
 */
export class HeldLoad {
  readonly #wrk: Spawned

  /** Begins at once. */
  constructor(wrk: string, url: string, connections: number, fields: readonly string[]) {
    this.#wrk = spawnPinned(loadCore, commandOf(wrk, url, connections, 86_400, fields))
  }

  /** Bytes of responses so far, heads included. */
  get bytesRead(): number {
    return bytesReadBy(this.#wrk.pid)
  }

  hold(): void {
    process.kill(this.#wrk.pid, 'SIGSTOP')
  }

  go(): void {
    process.kill(this.#wrk.pid, 'SIGCONT')
  }

  /** Ends it at once, with nothing said. */
  kill(): void {
    if (!this.#wrk.hasEnded()) process.kill(this.#wrk.pid, 'SIGKILL')
  }

  /** Ends it; throws when a single answer was wrong. */
  async end(): Promise<Load> {
    this.go()
    // An interrupt that reaches wrk's other thread does not wake the one that waits for the end.
    while (!this.#wrk.hasEnded()) {
      process.kill(this.#wrk.pid, 'SIGINT')
      await Promise.race([this.#wrk.ended, delay(150)])
    }
    return readReport(this.#wrk.output())
  }
}
