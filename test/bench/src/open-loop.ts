// Runs the load at a fixed rate in a process of its own, beside the backend, and reads what it found.
import { fileURLToPath } from 'node:url'
import { Histogram } from './histogram.ts'
import { loadCore, runPinned } from './pinned.ts'

/** What to send: `rate` requests per second for `seconds`, after `leadSeconds` that do not count. */
export interface OpenLoad {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly rate: number
  readonly seconds: number
  readonly leadSeconds: number
}

/** How long answers took from when their requests were due, and how late the generator itself was with one in a hundred. */
export interface OpenFound {
  readonly latency: Histogram
  readonly lateP99Us: number
}

/** Runs one load; throws when a single answer was wrong or missing. */
export async function openLoad({ port, path, connections, rate, seconds, leadSeconds }: OpenLoad): Promise<OpenFound> {
  const script = fileURLToPath(new URL('./open-loop/main.ts', import.meta.url))
  const report = await runPinned(loadCore, [process.execPath, script, path, ...[port, connections, rate, seconds, leadSeconds].map(String)])
  const { counts, lateP99Us, failure } = JSON.parse(report) as { counts: number[]; lateP99Us: number; failure?: string }
  if (failure !== undefined) throw new Error(failure)
  return { latency: new Histogram(counts), lateP99Us }
}
