// Where the mesh tells what happens to it.

type LogLine = (details: object, text: string) => void

/** The part of pino's interface that the mesh uses. */
export interface Logger {
  debug: LogLine
  info: LogLine
  warn: LogLine
  error: LogLine
}

/** Says nothing. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
