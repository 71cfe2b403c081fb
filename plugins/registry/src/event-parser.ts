// Reads a stream of server-sent events, of which only whole ones count.

/** One event. */
export interface ServerEvent {
  /** `message` unless it was named. */
  readonly type: string
  readonly data: string
  /** Of this event or the last one before it that had one; undefined: none had. */
  readonly id: string | undefined
}

/**
 * Give it the stream's text piece by piece.
 * @source WHATWG HTML, "Server-sent events", §9.2.6
 */
export class EventParser {
  readonly #take: (event: ServerEvent) => void
  readonly #maxLength: number
  /** Pieces of the line that has not ended. */
  #pieces: string[] = []
  #skipLineFeed = false
  #type = ''
  #data: string[] = []
  /** Characters of the event that has not ended. */
  #length = 0
  #id: string | undefined = undefined

  /** @param maxLength characters of one event */
  constructor(maxLength: number, take: (event: ServerEvent) => void) {
    this.#maxLength = maxLength
    this.#take = take
  }

  /** @throws RangeError for an event that is too long, and whatever `take` throws */
  push(text: string): void {
    for (const [i, piece] of this.#withoutHalfBreak(text).split(/\r\n|\r|\n/).entries()) {
      if (i > 0) this.#line(this.#endLine())
      this.#length += piece.length
      if (this.#length > this.#maxLength) throw new RangeError(`an event is longer than ${this.#maxLength} characters`)
      this.#pieces.push(piece)
    }
  }

  #endLine(): string {
    const line = this.#pieces.join('')
    this.#pieces = []
    return line
  }

  /** A carriage return ends a line at once; the line feed that may follow it in the next piece belongs to it. */
  #withoutHalfBreak(text: string): string {
    const rest = this.#skipLineFeed && text.startsWith('\n') ? text.slice(1) : text
    if (text !== '') this.#skipLineFeed = text.endsWith('\r')
    return rest
  }

  #line(line: string): void {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const name = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'event') this.#type = value
    else if (name === 'data') this.#data.push(value)
    else if (name === 'id' && !value.includes('\0')) this.#id = value
  }

  #dispatch(): void {
    const data = this.#data
    const type = this.#type
    this.#data = []
    this.#type = ''
    this.#length = 0
    if (data.length > 0) this.#take({ type: type === '' ? 'message' : type, data: data.join('\n'), id: this.#id })
  }
}
