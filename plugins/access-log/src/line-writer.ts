// Collects records and writes them as lines, a batch at a time, off the path of requests.
import type { Counter, Logger } from '@meshwright/core'
import { FileDestination, toStream, type Destination, type LineStream } from './destination.ts'

export interface LineWriterOptions {
  readonly destination: string | LineStream
  readonly bufferRecords: number
  readonly flushMs: number
}

/** Who hears of what went wrong. */
export interface LineWriterEars {
  readonly log: Pick<Logger, 'error' | 'info'> | undefined
  readonly dropped: Counter | undefined
}

/** Lines that are made and written in one piece: 256 take about 0.4 ms, the longest that the event loop is held up. */
const batchSize = 256
const warnLevel = 40

/**
 * 1. `push` puts a record aside and sets a timer.
 * 2. The timer writes a batch of lines, and one more per turn of the event loop while there are any.
 * 3. A destination that has enough stops that until it has drained; meanwhile records pile up.
 * 4. At `bufferRecords` further records are dropped and counted, and so is a batch that the destination failed to take;
 *    a line says how many, once there is room.
 */
export class LineWriter {
  readonly #destination: Destination
  readonly #ears: LineWriterEars
  readonly #maxRecords: number
  readonly #flushMs: number
  #records: object[] = []
  #written = 0
  #dropped = 0
  /** Records of the last batch, while the destination may still lose them. */
  #unconfirmed = 0
  #blocked = false
  #failing = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #next: NodeJS.Immediate | undefined

  constructor({ destination, bufferRecords, flushMs }: LineWriterOptions, ears: LineWriterEars) {
    this.#ears = ears
    this.#maxRecords = bufferRecords
    this.#flushMs = flushMs
    const events = { drained: () => this.#drained(), failed: (error: Error) => this.#failed(error) }
    this.#destination = typeof destination === 'string' ? new FileDestination(toTarget(destination), events) : toStream(destination, events)
  }

  /** Records waiting to be written. */
  get waiting(): number {
    return this.#records.length - this.#written
  }

  push(record: object): void {
    if (this.#closed || this.waiting >= this.#maxRecords) {
      this.#drop(1)
      return
    }
    this.#records.push(record)
    if (this.#timer === undefined) this.#arm()
  }

  /** Writes what is waiting, whether or not the destination has room, and closes it. What is pushed later is dropped. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    clearImmediate(this.#next)
    while (this.#destination.ready() && (this.waiting > 0 || this.#dropped > 0)) this.#writeBatch()
    if (this.waiting > 0) this.#ears.log?.error({ dropped: this.waiting }, 'the access log could not be written to its end')
    this.#drop(this.waiting)
    await this.#destination.close()
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#flush(), this.#flushMs)
    // A destination that never works again must not keep the process alive.
    if (!this.#destination.ready()) this.#timer.unref()
  }

  #drop(count: number): void {
    this.#dropped += count
    this.#ears.dropped?.add(count)
  }

  #flush(): void {
    // Called by the timer or after another batch; whichever is left would outlive close().
    clearTimeout(this.#timer)
    clearImmediate(this.#next)
    this.#next = undefined
    this.#timer = undefined
    if (this.#blocked) return
    if (!this.#destination.ready()) return this.#arm()
    this.#blocked = !this.#writeBatch()
    if (!this.#blocked && this.waiting > 0) this.#next = setImmediate(() => this.#flush())
  }

  #writeBatch(): boolean {
    const end = Math.min(this.#written + batchSize, this.#records.length)
    let text = ''
    for (let i = this.#written; i < end; i++) text += `${JSON.stringify(this.#records[i])}\n`
    this.#unconfirmed = end - this.#written
    this.#written = end
    if (end === this.#records.length) {
      this.#records = []
      this.#written = 0
      text += this.#droppedLine()
    } else if (this.#written >= this.#maxRecords) {
      this.#records = this.#records.slice(this.#written)
      this.#written = 0
    }
    return this.#destination.write(text)
  }

  #droppedLine(): string {
    if (this.#dropped === 0) return ''
    const line = { level: warnLevel, time: Date.now(), msg: `${this.#dropped} exchanges are missing here: the access log could not be written, or not fast enough`, dropped: this.#dropped }
    this.#dropped = 0
    return `${JSON.stringify(line)}\n`
  }

  #drained(): void {
    if (this.#failing) this.#ears.log?.info({}, 'the access log is being written again')
    this.#failing = false
    this.#blocked = false
    this.#unconfirmed = 0
    if (this.waiting > 0) this.#next ??= setImmediate(() => this.#flush())
  }

  #failed(error: Error): void {
    if (!this.#failing) this.#ears.log?.error({ err: error }, 'the access log cannot be written')
    this.#failing = true
    this.#blocked = false
    this.#drop(this.#unconfirmed)
    this.#unconfirmed = 0
    if (this.waiting > 0 && this.#timer === undefined) this.#arm()
  }
}

function toTarget(destination: string): string | number {
  if (destination === 'stdout') return 1
  return destination === 'stderr' ? 2 : destination
}
