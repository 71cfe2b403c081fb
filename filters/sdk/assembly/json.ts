// A small reader of JSON that answers what is wrong instead of trapping, as what it reads may come from anybody.
import { hex } from './request-text'

export enum JsonKind {
  Null,
  Bool,
  Number,
  Text,
  List,
  Object,
}

const maxDepth = 64

/** A value in a JSON text. Asked for what it is not, it answers empty. */
export class Json {
  kind: JsonKind = JsonKind.Null
  /** Of a text; of a number as it was written; `true` or `false`. */
  text: string = ''
  /** Of a list, or the values of an object in their order. */
  items: Json[] = []
  /** Of an object, in the same order. */
  names: string[] = []

  /** Null: it is no JSON; {@link error} says why. */
  static parse(text: string): Json | null {
    const parser = new Parser(text)
    const value = parser.value(0)
    parser.blanks()
    if (parser.error.length == 0 && parser.at < text.length) parser.fail('the end was expected')
    Json.error = parser.error
    return parser.error.length == 0 ? value : null
  }

  /** What was wrong with the last text: `line 3, column 7: a comma was expected`. */
  static error: string = ''

  /** The value under a name of an object; the last one if there are several. Null: there is none. */
  get(name: string): Json | null {
    for (let i = this.names.length - 1; i >= 0; i--) {
      if (this.names[i] == name) return this.items[i]
    }
    return null
  }

  get bool(): bool {
    return this.kind == JsonKind.Bool && this.text == 'true'
  }

  get number(): f64 {
    return this.kind == JsonKind.Number ? parseFloat(this.text) : 0
  }

  /** Whether it is a number without a fraction that an i64 can hold. */
  get isWhole(): bool {
    if (this.kind != JsonKind.Number) return false
    if (isPlain(this.text)) return this.text.length <= 18
    const value = this.number
    return value == Math.floor(value) && Math.abs(value) < 9e15
  }

  get whole(): i64 {
    if (!this.isWhole) return 0
    return isPlain(this.text) ? I64.parseInt(this.text, 10) : <i64>this.number
  }
}

function isPlain(number: string): bool {
  for (let i = 0; i < number.length; i++) {
    const unit = number.charCodeAt(i)
    if (!isDigit(unit) && !(unit == 0x2d && i == 0)) return false
  }
  return true
}

function isDigit(unit: i32): bool {
  return <u32>(unit - 0x30) < 10
}

class Parser {
  at: i32 = 0
  error: string = ''

  constructor(private text: string) {}

  fail(what: string): Json {
    if (this.error.length > 0) return new Json()
    let line = 1
    let start = 0
    for (let i = 0; i < this.at && i < this.text.length; i++) {
      if (this.text.charCodeAt(i) != 0x0a) continue
      line++
      start = i + 1
    }
    this.error = `line ${line}, column ${this.at - start + 1}: ${what}`
    return new Json()
  }

  blanks(): void {
    while (this.at < this.text.length) {
      const unit = this.text.charCodeAt(this.at)
      if (unit != 0x20 && unit != 0x0a && unit != 0x0d && unit != 0x09) return
      this.at++
    }
  }

  value(depth: i32): Json {
    if (depth > maxDepth) return this.fail('it is too deep')
    this.blanks()
    switch (this.peek()) {
      case 0x7b:
        return this.object(depth)
      case 0x5b:
        return this.list(depth)
      case 0x22: {
        const json = new Json()
        json.kind = JsonKind.Text
        json.text = this.string()
        return json
      }
      case 0x74:
        return this.word('true', JsonKind.Bool)
      case 0x66:
        return this.word('false', JsonKind.Bool)
      case 0x6e:
        return this.word('null', JsonKind.Null)
      default:
        return this.number()
    }
  }

  private peek(): i32 {
    return this.at < this.text.length ? this.text.charCodeAt(this.at) : -1
  }

  private take(unit: i32): bool {
    this.blanks()
    if (this.peek() != unit) return false
    this.at++
    return true
  }

  private word(word: string, kind: JsonKind): Json {
    // @ts-ignore: it takes a position
    if (!this.text.startsWith(word, this.at)) return this.fail('a value was expected')
    this.at += word.length
    const json = new Json()
    json.kind = kind
    json.text = word
    return json
  }

  private number(): Json {
    const start = this.at
    if (this.peek() == 0x2d) this.at++
    const first = this.at
    const digits = this.digits()
    if (digits == 0 || (digits > 1 && this.text.charCodeAt(first) == 0x30)) return this.fail('a value was expected')
    if (this.peek() == 0x2e) {
      this.at++
      if (this.digits() == 0) return this.fail('a digit was expected')
    }
    if ((this.peek() | 0x20) == 0x65) {
      this.at++
      if (this.peek() == 0x2b || this.peek() == 0x2d) this.at++
      if (this.digits() == 0) return this.fail('a digit was expected')
    }
    const json = new Json()
    json.kind = JsonKind.Number
    json.text = this.text.substring(start, this.at)
    return json
  }

  private digits(): i32 {
    const start = this.at
    while (isDigit(this.peek())) this.at++
    return this.at - start
  }

  private list(depth: i32): Json {
    const json = new Json()
    json.kind = JsonKind.List
    this.at++
    if (this.take(0x5d)) return json
    do {
      json.items.push(this.value(depth + 1))
      if (this.error.length > 0) return json
    } while (this.take(0x2c))
    return this.take(0x5d) ? json : this.fail('a comma or ] was expected')
  }

  private object(depth: i32): Json {
    const json = new Json()
    json.kind = JsonKind.Object
    this.at++
    if (this.take(0x7d)) return json
    do {
      this.blanks()
      if (this.peek() != 0x22) return this.fail('a name in quotes was expected')
      json.names.push(this.string())
      if (!this.take(0x3a)) return this.fail('a colon was expected')
      json.items.push(this.value(depth + 1))
      if (this.error.length > 0) return json
    } while (this.take(0x2c))
    return this.take(0x7d) ? json : this.fail('a comma or } was expected')
  }

  private string(): string {
    this.at++
    let start = this.at
    let out = ''
    while (true) {
      const unit = this.peek()
      if (unit < 0x20) {
        this.fail(unit < 0 ? 'the text has no end' : 'a control character must be escaped')
        return out
      }
      if (unit == 0x22) break
      if (unit == 0x5c) {
        out += this.text.substring(start, this.at)
        out += this.escaped()
        if (this.error.length > 0) return out
        start = this.at
      } else this.at++
    }
    const rest = this.text.substring(start, this.at)
    this.at++
    return out.length == 0 ? rest : out + rest
  }

  private escaped(): string {
    this.at++
    const unit = this.peek()
    this.at++
    switch (unit) {
      case 0x22:
      case 0x5c:
      case 0x2f:
        return String.fromCharCode(unit)
      case 0x62:
        return '\b'
      case 0x66:
        return '\f'
      case 0x6e:
        return '\n'
      case 0x72:
        return '\r'
      case 0x74:
        return '\t'
      case 0x75:
        return this.unicode()
      default:
        this.at--
        this.fail('there is no such escape')
        return ''
    }
  }

  private unicode(): string {
    let value = 0
    for (let i = 0; i < 4; i++, this.at++) {
      const unit = this.peek()
      const digit = unit < 0 || unit > 0x7f ? -1 : hex(<u8>unit)
      if (digit < 0) {
        this.fail('four hexadecimal digits were expected')
        return ''
      }
      value = (value << 4) | digit
    }
    return String.fromCharCode(value)
  }
}
