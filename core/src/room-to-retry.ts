// A retry policy that is heeded only while there is room: the admissions of a service are asked about what it wants.
import type { Exchange } from './exchange.ts'
import type { Admission, RetryPolicy } from './questions.ts'

/** The policy itself if none of the admissions knows the question. @param failed hears of what an admission throws, which means no room */
export function withRoom(policy: RetryPolicy, admissions: readonly Admission[], failed: (thrown: unknown) => void): RetryPolicy {
  const asked = admissions.filter((admission) => admission.mayRetry !== undefined)
  if (asked.length === 0) return policy
  const { replayBytes, attemptTimeoutMs, attemptHeader, everyResponse } = policy
  return {
    ...(replayBytes !== undefined && { replayBytes }),
    ...(attemptTimeoutMs !== undefined && { attemptTimeoutMs }),
    ...(attemptHeader !== undefined && { attemptHeader }),
    ...(everyResponse !== undefined && { everyResponse }),
    next(exchange) {
      const delayMs = policy.next(exchange)
      if (delayMs === undefined || asked.every((admission) => hasRoom(admission, exchange, failed))) return delayMs
      exchange.unretried = 'overflow'
      return undefined
    },
  }
}

function hasRoom(admission: Admission, exchange: Exchange, failed: (thrown: unknown) => void): boolean {
  try {
    return admission.mayRetry?.(exchange) !== false
  } catch (thrown) {
    failed(thrown)
    return false
  }
}
