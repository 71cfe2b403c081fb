// What a test is told when the guest fails: why, where, and what it had logged before.
import type { FailureReason, GuestFailure } from '../host/failure.ts'
import type { LogLine } from './test-surroundings.ts'

const lastLines = 5
const mostFrames = 6

/** Rejects whatever the test was doing when the guest failed. */
export class FilterFailure extends Error {
  override readonly name = 'FilterFailure'
  readonly reason: FailureReason

  constructor(filter: string, failure: GuestFailure, logs: readonly LogLine[]) {
    super([`${filter} failed (${words[failure.reason]}): ${failure.message}`, ...framesOf(failure), ...saidBefore(logs)].join('\n'), { cause: failure })
    this.reason = failure.reason
  }
}

const words: Readonly<Record<FailureReason, string>> = {
  trap: 'it trapped',
  fuel: 'it ran out of fuel',
  stack: 'its stack overflowed',
  exit: 'it ended itself',
  start: 'it did not start',
  configure: 'it refused its configuration',
  deadline: 'it ran longer than deadlineMs lets it',
  thread: 'its thread ended',
}

/** Functions of the guest, innermost first. Their names are there if the module has a name section: build it with debug information. */
function framesOf({ cause }: GuestFailure): string[] {
  const stack = cause instanceof Error ? (cause.stack ?? '') : ''
  const frames = stack.split('\n').filter((line) => line.includes('wasm://') || /\bwasm-function\[/.test(line))
  return frames.slice(0, mostFrames).map((line) => `  ${line.trim().replace(/\(?wasm:\/\/wasm\/[^:]*:(wasm-function\[\d+\]:0x[0-9a-f]+)\)?/, '($1)')}`)
}

function saidBefore(logs: readonly LogLine[]): string[] {
  if (logs.length === 0) return []
  return ['the last it had logged:', ...logs.slice(-lastLines).map(({ level, text }) => `  ${level}: ${text}`)]
}
