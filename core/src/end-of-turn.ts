// The end of the event loop's turn: what its reads have brought begins there together, and what comes of it all goes out together.

/** Something that has been read and begins. It does not throw. */
export interface Starter {
  start(): void
}

/** Something that has bytes to send. */
export interface Sender {
  /** Sends them. */
  endTurn(): void
}

/** So many are not held back any longer, however much more there is to read: a few milliseconds of it. */
const mostAtOnce = 128

let starters: Starter[] = []
let senders: Sender[] = []
/** The end of this turn will come by here. */
let armed = false

/**
 * Has it start at the end of this turn, after all reads and before anything is sent.
 * hot: between two requests that are read one after the other lies the kernel; those that start one after the other find the
 * code of the chain, of the balancer and of the filters in the caches (bench small, wasm).
 */
export function startAtEndOfTurn(starter: Starter): void {
  arm(starters.push(starter))
}

/**
 * Has it send at the end of this turn, after all reads.
 * hot: each write wakes whoever sleeps at its other end, a quarter of the kernel's time. A turn's writes, one behind the other, wake
 * him once: a fifth less CPU for a small request (bench small).
 */
export function sendAtEndOfTurn(sender: Sender): void {
  arm(senders.push(sender))
}

function arm(waiting: number): void {
  if (waiting >= mostAtOnce) {
    startAll()
    sendAll()
  } else if (!armed) {
    armed = true
    setImmediate(endTurn)
  }
}

/** What has been read by now starts now. */
export function startAll(): void {
  const starting = starters
  starters = []
  for (const starter of starting) starter.start()
}

function endTurn(): void {
  startAll()
  armed = false
  sendAll()
  // What has come meanwhile is of the next turn.
  if (starters.length > 0) arm(starters.length)
}

function sendAll(): void {
  const sending = senders
  senders = []
  for (const sender of sending) sender.endTurn()
}
