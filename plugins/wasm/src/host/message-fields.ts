// The fields of a request and of a response with their pseudo headers, as proxy-wasm knows them.
import type { Exchange, Headers } from '@meshwright/core'
import { loweredList, PlainFields } from './field-map.ts'

const colon = 0x3a
/** They frame the message or belong to the connection: the proxy writes them itself. */
export const ownFields: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer', 'upgrade'])

/** `:method`, `:path`, `:authority`, `:scheme`, the length of the body, and the fields. */
export class RequestFields extends PlainFields {
  readonly #exchange: Exchange

  constructor(exchange: Exchange) {
    super(exchange.request.headers)
    this.#exchange = exchange
  }

  override get size(): number {
    return this.headers.size + 4 + (this.#exchange.body?.declaredBytes === undefined ? 0 : 1)
  }

  override list(): string[] {
    const { request } = this.#exchange
    const list = [':method', request.method, ':path', request.target, ':authority', request.authority, ':scheme', request.scheme]
    const length = this.#length()
    if (length !== undefined) list.push('content-length', length)
    return loweredList(this.headers, list)
  }

  override get(name: string): string | undefined {
    if (name.charCodeAt(0) === colon || name === 'host') return this.#pseudo(name)
    return name === 'content-length' ? this.#length() : this.headers.get(name)
  }

  override set(name: string, value: string): boolean {
    return this.#write(name, value) ?? super.set(name, value)
  }

  override append(name: string, value: string): boolean {
    return this.#write(name, value) ?? super.append(name, value)
  }

  override delete(name: string): void {
    const { body } = this.#exchange
    if (name === 'content-length' && body !== undefined) body.declaredBytes = undefined
    else this.headers.delete(name)
  }

  #length(): string | undefined {
    const { body } = this.#exchange
    return body?.declaredBytes === undefined ? undefined : String(body.declaredBytes)
  }

  #pseudo(name: string): string | undefined {
    const { request } = this.#exchange
    switch (name) {
      case ':method':
        return request.method
      case ':path':
        return request.target
      case ':authority':
      case 'host':
        return request.authority
      case ':scheme':
        return request.scheme
      default:
        return undefined
    }
  }

  /** Undefined: an ordinary field. What has no place in a request is taken and forgotten, as its text would never be sent. */
  #write(name: string, value: string): boolean | undefined {
    if (name.charCodeAt(0) !== colon && name !== 'host') return name === 'content-length' || ownFields.has(name) ? true : undefined
    const { request } = this.#exchange
    switch (name) {
      case ':method':
        request.method = value
        return true
      case ':path':
        setTarget(request, value)
        return true
      case ':authority':
      case 'host':
        request.authority = value
        return true
      default:
        // The scheme says how the client spoke; nobody can change that.
        return name === ':scheme'
    }
  }
}

/** Path and query at once. */
export function setTarget(request: Exchange['request'], value: string): void {
  const query = value.indexOf('?')
  request.path = query < 0 ? value : value.slice(0, query)
  request.query = query < 0 ? '' : value.slice(query + 1)
  request.hasQuery = query >= 0
}

/** What a response and a reply have in common. */
export interface ResponseHead {
  status: number
  readonly headers: Headers
}

/** `:status` and the fields. */
export class ResponseFields extends PlainFields {
  readonly #head: ResponseHead

  constructor(head: ResponseHead) {
    super(head.headers)
    this.#head = head
  }

  override get size(): number {
    return this.headers.size + 1
  }

  override list(): string[] {
    return loweredList(this.headers, [':status', String(this.#head.status)])
  }

  override get(name: string): string | undefined {
    return name === ':status' ? String(this.#head.status) : this.headers.get(name)
  }

  override set(name: string, value: string): boolean {
    return this.#write(name, value) ?? super.set(name, value)
  }

  override append(name: string, value: string): boolean {
    return this.#write(name, value) ?? super.append(name, value)
  }

  /** Undefined: an ordinary field. A length can be taken away, but not be given: it would contradict the body. */
  #write(name: string, value: string): boolean | undefined {
    if (name.charCodeAt(0) !== colon) return name === 'content-length' || ownFields.has(name) ? true : undefined
    const status = Number(value)
    if (name !== ':status' || !Number.isInteger(status) || status < 200 || status > 599) return false
    this.#head.status = status
    return true
  }

  /** A length that was right stays so. */
  override replaceAll(list: readonly string[]): void {
    const length = this.headers.get('content-length')
    super.replaceAll(list)
    const keeps = list.some((text, at) => at % 2 === 0 && text.toLowerCase() === 'content-length')
    if (length !== undefined && keeps) this.headers.append('content-length', length)
  }
}
