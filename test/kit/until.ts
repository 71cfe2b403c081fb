// Waiting for something to become true, without a fixed delay.
import { setImmediate } from 'node:timers/promises'

/** Asks again after each turn of the event loop until the answer is neither undefined nor false. */
export async function until<T>(probe: () => T | undefined | false, what: string, patienceMs = 30_000): Promise<T> {
  const giveUpAt = performance.now() + patienceMs
  for (;;) {
    const found = probe()
    if (found !== undefined && found !== false) return found
    if (performance.now() > giveUpAt) throw new Error(`waited too long for ${what}`)
    await setImmediate()
  }
}
