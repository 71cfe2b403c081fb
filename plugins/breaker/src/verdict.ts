// What an attempt says about its service: well, failed, slow, or nothing at all.
import type { Exchange, Response } from '@meshwright/core'

/** How an attempt went. Shared: there are only four. */
export interface Verdict {
  readonly failed: boolean
  readonly slow: boolean
}

const well: Verdict = { failed: false, slow: false }
const wellButSlow: Verdict = { failed: false, slow: true }
const failed: Verdict = { failed: true, slow: false }
const failedAndSlow: Verdict = { failed: true, slow: true }

/**
 * A failure is an upstream fault, a status of 500 and more, or a `grpc-status` among the header fields that blames the server.
 * Nothing is said by replies made here, by clients that went away or gave too little time, and by attempts that were never sent.
 * @param slowMs from the beginning of the attempt to its response head, or to its end if there was none
 */
export function verdictOf(exchange: Exchange, slowMs: number): Verdict | undefined {
  const { error, response } = exchange
  if (error !== undefined) return error.source === 'upstream' ? toVerdict(true, exchange, slowMs) : undefined
  return response === undefined || exchange.replied ? undefined : toVerdict(blamesServer(response), exchange, slowMs)
}

/** Is the response head of the current attempt there, and did it come from the endpoint? */
export function hasAnswered(exchange: Exchange): boolean {
  return exchange.error === undefined && exchange.response !== undefined && !exchange.replied
}

function toVerdict(isFailure: boolean, exchange: Exchange, slowMs: number): Verdict {
  const slow = slowMs !== Infinity && durationMs(exchange) >= slowMs
  if (isFailure) return slow ? failedAndSlow : failed
  return slow ? wellButSlow : well
}

function durationMs({ response, headersMs, attemptMs }: Exchange): number {
  return (response === undefined ? performance.now() : headersMs) - attemptMs
}

// UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS
const serverFaults: ReadonlySet<string | undefined> = new Set(['2', '4', '13', '14', '15'])

function blamesServer({ status, headers }: Response): boolean {
  return status >= 500 || serverFaults.has(headers.get('grpc-status'))
}
