// Wakes another thread at a steady pace: timers of an event loop are a millisecond late, which is longer than what is measured.
import { workerData } from 'node:worker_threads'

const { beat, everyMs } = workerData as { readonly beat: Int32Array; readonly everyMs: number }
const never = new Int32Array(new SharedArrayBuffer(4))
for (;;) {
  Atomics.wait(never, 0, 0, everyMs)
  Atomics.add(beat, 0, 1)
  Atomics.notify(beat, 0)
}
