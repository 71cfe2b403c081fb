// Waits for the signal to stop, then lets a mesh end its requests; a second signal cuts them.
import type { Paint } from '../config/print.ts'
import type { RunningMesh } from '@meshwright/core'

const signals = ['SIGINT', 'SIGTERM'] as const

/** What draining needs to know. */
export interface DrainOptions {
  /** How long requests may take to end. Milliseconds. */
  readonly drainMs: number
  readonly paint: Paint
}

/** Resolves with the exit code when the mesh has stopped: 0 if every request ended, 1 if some were cut. */
export async function untilStopped(running: RunningMesh, options: DrainOptions): Promise<number> {
  const stop = signalled()
  await stop.first
  const draining = drained(running, options.drainMs)
  const countdown = startCountdown(running, options)
  try {
    const cut = await Promise.race([draining, stop.second.then(() => running.inFlight)])
    countdown.stop()
    await running.close(0)
    console.error(cut === 0 ? 'stopped' : `stopped, ${cut} ${cut === 1 ? 'request' : 'requests'} cut`)
    return cut === 0 ? 0 : 1
  } finally {
    countdown.stop()
    stop.forget()
  }
}

/** Resolves with the number of requests that were cut when their time was over. */
async function drained(running: RunningMesh, drainMs: number): Promise<number> {
  let left = 0
  // Made before the mesh makes its own timer for the same moment, so it looks before the mesh cuts.
  const atTheEnd = setTimeout(() => (left = running.inFlight), drainMs)
  await running.drain(drainMs)
  clearTimeout(atTheEnd)
  return left
}

function signalled(): { first: Promise<void>; second: Promise<void>; forget(): void } {
  const first = Promise.withResolvers<void>()
  const second = Promise.withResolvers<void>()
  let count = 0
  const listener = (): void => (++count === 1 ? first : second).resolve()
  for (const signal of signals) process.on(signal, listener)
  return {
    first: first.promise,
    second: second.promise,
    forget: () => signals.forEach((signal) => process.off(signal, listener)),
  }
}

/** One line on a pipe; on a terminal one that counts. */
function startCountdown(running: RunningMesh, { drainMs, paint }: DrainOptions): { stop(): void } {
  const endsAt = performance.now() + drainMs
  const line = (): string => {
    const left = running.inFlight
    const seconds = Math.max(0, Math.ceil((endsAt - performance.now()) / 1000))
    return `draining: ${left} ${left === 1 ? 'request' : 'requests'} left, ${seconds} s ${paint('dim', '(Ctrl-C again cuts now)')}`
  }
  if (running.inFlight === 0) return { stop: () => undefined }
  if (!process.stderr.isTTY) {
    console.error(line())
    return { stop: () => undefined }
  }
  const show = (): boolean => process.stderr.write(`\r\u001b[K${line()}`)
  show()
  const timer = setInterval(show, 1000)
  return {
    stop() {
      clearInterval(timer)
      process.stderr.write('\r\u001b[K')
    },
  }
}
