// The request and the response as a filter sees them.
import { Body } from './body'
import { BufferType, MapType } from './enums'
import { Headers } from './headers'
import { property } from './property'
import { cookieIn, queryIn } from './request-text'

export class Request {
  headers: Headers = new Headers(MapType.RequestHeaders)
  trailers: Headers = new Headers(MapType.RequestTrailers)
  body: Body = new Body(BufferType.RequestBody)

  /** With the query. Setting it may change the route, as the host decides. */
  get path(): string {
    return this.pseudo(':path')
  }

  set path(value: string) {
    this.headers.set(':path', value)
  }

  get method(): string {
    return this.pseudo(':method')
  }

  set method(value: string) {
    this.headers.set(':method', value)
  }

  /** Host, and port if one was given. */
  get authority(): string {
    return this.pseudo(':authority')
  }

  set authority(value: string) {
    this.headers.set(':authority', value)
  }

  /** `http` or `https`. */
  get scheme(): string {
    return this.pseudo(':scheme')
  }

  /** The path without the query. */
  get pathname(): string {
    const path = this.path
    const at = path.indexOf('?')
    return at < 0 ? path : path.substring(0, at)
  }

  /** The id that the host has given the request; empty if it gives none. */
  get id(): string {
    const id = property.text('request.id')
    return id == null ? '' : id
  }

  /** The client's address, with its port if the host says it. */
  get source(): string {
    const address = property.text('source.address')
    return address == null ? '' : address
  }

  /** The first cookie of that name, as it is. Null: there is none. */
  cookie(name: string): string | null {
    const fields = this.headers.getAll('cookie')
    for (let i = 0; i < fields.length; i++) {
      const value = cookieIn(fields[i], name)
      if (value != null) return value
    }
    return null
  }

  /** The first query parameter of that name, decoded. Null: there is none. */
  query(name: string): string | null {
    return queryIn(this.path, name)
  }

  private pseudo(name: string): string {
    const value = this.headers.get(name)
    return value == null ? '' : value
  }
}

export class Response {
  headers: Headers = new Headers(MapType.ResponseHeaders)
  trailers: Headers = new Headers(MapType.ResponseTrailers)
  body: Body = new Body(BufferType.ResponseBody)

  /** 0 before there is one. */
  get status(): i32 {
    const text = this.headers.get(':status')
    return text == null ? 0 : <i32>parseInt(text, 10)
  }

  set status(value: i32) {
    this.headers.set(':status', `${value}`)
  }
}
