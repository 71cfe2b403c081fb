// The load generator: wrk, pinned beside the backend, and what its report says.
import { loadCore, runPinned } from './pinned.ts'

/** What wrk measured. */
export interface Load {
  readonly requests: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were not 2xx or 3xx, and connections that failed. Anything but 0 voids the round. */
  readonly failures: number
}

/** Loads a URL with keep-alive connections for some seconds. */
export async function load(wrk: string, url: string, connections: number, seconds: number): Promise<Load> {
  return readReport(await runPinned(loadCore, [wrk, '-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url]))
}

/** Reads the text wrk prints with --latency. */
export function readReport(report: string): Load {
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? 0)
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report)
  const socketErrors = sockets === null ? 0 : sockets.slice(1).reduce((sum, one) => sum + Number(one), 0)
  return {
    requests: number(/(\d+) requests in/),
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: milliseconds(/\b50%\s+([\d.]+)(us|ms|s|m)\b/.exec(report)),
    p99Ms: milliseconds(/\b99%\s+([\d.]+)(us|ms|s|m)\b/.exec(report)),
    failures: number(/Non-2xx or 3xx responses: (\d+)/) + socketErrors,
  }
}

function milliseconds(match: RegExpExecArray | null): number {
  const factors: Record<string, number> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }
  return match === null ? 0 : Number(match[1]) * (factors[match[2] as string] ?? 1)
}
