// Does something when the process is told to end, and then lets it end as it would have.
const ours = new WeakSet<object>()

/**
 * Runs `finish` at the first of these signals. Others who listen for the signal hear it as ever, at the same time; if
 * nobody else does, the signal is raised again afterwards, so that the process ends by it. A second signal waits no more.
 * @param finish must not reject
 * @returns how to listen no longer
 */
export function beforeSignals(signals: readonly NodeJS.Signals[], finish: () => Promise<void>): () => void {
  let isFinishing = false
  const forget = (): void => signals.forEach((signal) => process.off(signal, heard))
  const raise = (signal: NodeJS.Signals): void => {
    forget()
    process.kill(process.pid, signal)
  }
  const heard = (signal: NodeJS.Signals): void => {
    // Asked now: a listener added by `once` is gone afterwards, though it has heard.
    const isAlone = process.listeners(signal).every((listener) => ours.has(listener))
    if (isFinishing) return isAlone ? raise(signal) : forget()
    isFinishing = true
    void finish().then(() => (isAlone && isLast(signal, heard) ? raise(signal) : forget()))
  }
  ours.add(heard)
  // First, so that those who are removed when they hear are still there to be seen.
  for (const signal of signals) process.prependListener(signal, heard)
  return forget
}

/** Whether no other registration of this process is still finishing. */
function isLast(signal: NodeJS.Signals, heard: (signal: NodeJS.Signals) => void): boolean {
  return process.listeners(signal).every((listener) => listener === heard || !ours.has(listener))
}
