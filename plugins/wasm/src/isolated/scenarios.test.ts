// The scenarios of the host once more, with every filter in a thread of its own. Left out are those that count how often a guest
// was started (here one more time, for the trial before it is given a thread), that run out of fuel (nothing is metered), or that set
// the clock of the data-plane thread.
import { vi } from 'vitest'

vi.stubEnv('MESHWRIGHT_TEST_ISOLATION', 'worker')
await import('../wasm.test.ts')
await import('../bodies.test.ts')
await import('../pauses.test.ts')
await import('../replies.test.ts')
await import('../host-functions.test.ts')
await import('../failures.test.ts')
await import('../dialects.test.ts')
await import('../tcp.test.ts')
await import('../tcp-properties.test.ts')
await import('../tcp-tls.test.ts')
