// Threads for tests of memory that threads share.
import { Worker } from 'node:worker_threads'

/** Runs code in a thread of its own; `from` imports a file of this folder, `data` is what is given. */
export function thread(code: string, data: Readonly<Record<string, unknown>>): Worker {
  const whole = `
    import { parentPort, workerData as data } from 'node:worker_threads'
    const from = (file) => import(new URL(file, data.folder).href)
    ${code}`
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(whole)}`), { workerData: { ...data, folder: import.meta.url } })
}

/** Waits until something is so, a turn of the event loop at a time. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

/** Numbers from 0 to 1 that are the same each time. */
export function seeded(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
