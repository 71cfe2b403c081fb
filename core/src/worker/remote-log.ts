// A thread's log: its lines are written where the supervisor's are.
import type { Logger } from '../logger.ts'
import { fromPlainError, toPlainError, type FromWorker, type PlainError } from './protocol.ts'

/** More lines in one second are counted instead of sent: a thread must not drown the supervisor. */
const maxLinesPerSecond = 1000

type LogMessage = Extract<FromWorker, { kind: 'log' }>
type Level = LogMessage['level']

/** In the thread: a logger that posts. @param debug whether debug lines are wanted */
export function remoteLogger(post: (message: LogMessage) => void, debug: boolean, now: () => number = () => performance.now()): Logger {
  let second = 0
  let lines = 0
  const send = (level: Level, details: object, text: string): void => {
    const current = Math.floor(now() / 1000)
    if (current !== second) {
      if (lines > maxLinesPerSecond) post({ kind: 'log', level: 'warn', details: { dropped: lines - maxLinesPerSecond }, text: 'log lines were dropped' })
      second = current
      lines = 0
    }
    if (++lines <= maxLinesPerSecond) post({ kind: 'log', level, details: plain(details), text })
  }
  const at = (level: Level) => (details: object, text: string) => send(level, details, text)
  return { debug: debug ? at('debug') : () => {}, info: at('info'), warn: at('warn'), error: at('error') }
}

/** In the supervisor: writes a line that a thread has posted. */
export function writeRemote(log: Logger, worker: number, { level, details, text }: LogMessage): void {
  const { err, ...rest } = details as { err?: PlainError }
  log[level]({ worker, ...rest, ...(err === undefined ? {} : { err: fromPlainError(err) }) }, text)
}

/** Errors lose what makes them errors when they cross; what cannot cross at all is told as text. */
function plain(details: object): object {
  return Object.fromEntries(Object.entries(details).map(([key, value]) => [key, key === 'err' ? toPlainError(value) : cloneable(value)]))
}

function cloneable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'function' || typeof value === 'symbol' ? String(value) : value
  try {
    return structuredClone(value)
  } catch {
    // Not an error of anybody: a line of log may show anything.
    return Object.prototype.toString.call(value)
  }
}
