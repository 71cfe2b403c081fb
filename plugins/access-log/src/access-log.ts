// The access log: one JSON line per exchange, put aside when it ends and written later.
import type { Counter, Exchange, Filter, Logger, TcpConnection } from '@meshwright/core'
import { toConnectionRecord } from './connection-record.ts'
import type { LineStream } from './destination.ts'
import { LineWriter } from './line-writer.ts'
import { toHeaderPlan, toRecord, type ExtraField } from './record.ts'

/** pino's levels and their numbers. */
const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const

export interface AccessLogOptions {
  /** `stdout` (default), `stderr`, the path of a file that lines are appended to, or in code a stream, which stays open. */
  readonly destination?: string | LineStream
  /** The level that lines carry. Default `info`. */
  readonly level?: keyof typeof levels
  /** Share of exchanges that are logged, 0..1; default 1. Those with an error or a status of 500 and more are always logged. */
  readonly sample?: number
  /** Fields beyond the usual ones. Default none: queries and user agents are people's data. */
  readonly add?: readonly ExtraField[]
  /** Request header fields by name; `*` takes all, with the values of those that carry secrets replaced unless they are named. Default none. */
  readonly requestHeaders?: readonly string[]
  /** The same for the response. */
  readonly responseHeaders?: readonly string[]
  /** Records that may wait to be written, 1..1000000; further ones are dropped and counted. Default 16384. */
  readonly bufferRecords?: number
  /** How long a record waits at most before it is written. Milliseconds, 1..60000; default 100. */
  readonly flushMs?: number
}

/** What a log is given by whoever runs it. */
export interface AccessLogParts {
  /** Hears of a destination that fails, and that it works again. */
  readonly log?: Pick<Logger, 'error' | 'info'>
  /** Counts dropped records. */
  readonly dropped?: Counter
  /** A number from 0 to less than 1, for sampling. Default Math.random. */
  readonly random?: () => number
}

/** A filter that logs, to be closed by whoever made it. */
export interface AccessLog extends Filter {
  /** Logs a connection that is over, as `onEnd` does an exchange. */
  connectionEnded(connection: TcpConnection): void
  /** Writes what is waiting and closes the file. Records that come later are lost. */
  close(): Promise<void>
}

/**
 * Logs exchanges when they end. The exchange is not kept: a record is copied from it, made to JSON in the next batch.
 * @throws RangeError or TypeError when an option is out of range
 */
export function accessLog(options: AccessLogOptions = {}, parts: AccessLogParts = {}): AccessLog {
  const { destination = 'stdout', level = 'info', sample = 1, add = [], requestHeaders = [], responseHeaders = [], bufferRecords = 16_384, flushMs = 100 } = options
  checkRange('sample', sample, 0, 1)
  checkRange('bufferRecords', bufferRecords, 1, 1_000_000)
  checkRange('flushMs', flushMs, 1, 60_000)
  if (levels[level] === undefined) throw new TypeError(`level is one of ${Object.keys(levels).join(', ')}, not ${level}`)
  const plan = { level: levels[level], add: [...new Set(add)], requestHeaders: toHeaderPlan(requestHeaders), responseHeaders: toHeaderPlan(responseHeaders) }
  const writer = new LineWriter({ destination, bufferRecords, flushMs }, { log: parts.log, dropped: parts.dropped })
  const { random = Math.random } = parts
  return {
    name: 'access-log',
    onEnd(exchange) {
      if (sample < 1 && !failed(exchange) && random() >= sample) return
      writer.push(toRecord(exchange, plan))
    },
    connectionEnded(connection) {
      if (sample < 1 && connection.error === undefined && random() >= sample) return
      writer.push(toConnectionRecord(connection, plan))
    },
    close: () => writer.close(),
  }
}

function failed(exchange: Exchange): boolean {
  return exchange.error !== undefined || (exchange.response?.status ?? 0) >= 500
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most)) throw new RangeError(`${name} is a number from ${least} to ${most}, not ${value}`)
}
