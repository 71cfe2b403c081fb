// A value with variables in braces: taken apart when the filter is configured, put together for each request.
import { fieldValue, property, Request, Response } from '@meshwright/filter-sdk'

export enum Variable {
  None,
  Method,
  Path,
  Pathname,
  Query,
  Authority,
  Scheme,
  Id,
  Client,
  Route,
  RequestHeader,
  RequestCookie,
  RequestParameter,
  ResponseHeader,
  Status,
}

class Part {
  constructor(public variable: Variable, public text: string) {}

  get isResponse(): bool {
    return this.variable >= Variable.ResponseHeader
  }
}

/** `"{method} of {header:user-agent}"`; `{{` and `}}` are braces. */
export class Template {
  private parts: Part[] = []
  /** Why it cannot be used; empty: it can. */
  error: string = ''

  constructor(text: string, inResponse: bool) {
    this.parse(text, inResponse)
  }

  private parse(text: string, inResponse: bool): void {
    let literal = ''
    for (let i = 0; i < text.length; i++) {
      const one = text.charAt(i)
      if ((one == '{' || one == '}') && text.charAt(i + 1) == one) {
        literal += one
        i++
      } else if (one == '{') {
        const end = text.indexOf('}', i)
        if (end < 0) {
          this.error = `"${text}" has a brace that nothing closes`
          return
        }
        if (literal.length > 0) this.parts.push(new Part(Variable.None, literal))
        literal = ''
        this.add(text.substring(i + 1, end), inResponse)
        i = end
      } else literal += one
    }
    if (literal.length > 0) this.parts.push(new Part(Variable.None, literal))
  }

  /** Whether it is made of anything but itself. */
  get hasVariables(): bool {
    for (let i = 0; i < this.parts.length; i++) {
      if (this.parts[i].variable != Variable.None) return true
    }
    return false
  }

  /** What the request contributes, to be kept until the response is there: one text for each part. */
  ofRequest(request: Request): string[] {
    const texts: string[] = []
    for (let i = 0; i < this.parts.length; i++) texts.push(this.parts[i].isResponse ? '' : requestText(this.parts[i], request))
    return texts
  }

  /** The whole, for a request. */
  text(request: Request): string {
    if (this.parts.length == 1) return requestText(this.parts[0], request)
    return this.ofRequest(request).join('')
  }

  /** The whole, for a response. @param kept what {@link ofRequest} has answered */
  responseText(kept: string[], response: Response): string {
    let whole = ''
    for (let i = 0; i < this.parts.length; i++) whole += this.parts[i].isResponse ? responseText(this.parts[i], response) : kept[i]
    return whole
  }

  private add(name: string, inResponse: bool): void {
    const colon = name.indexOf(':')
    const kind = colon < 0 ? name : name.substring(0, colon)
    const what = colon < 0 ? '' : name.substring(colon + 1)
    const variable = variableOf(kind, what.length > 0)
    if (variable == Variable.None) this.error = `there is no variable {${name}}`
    const part = new Part(variable, what)
    if (part.isResponse && !inResponse) this.error = `{${name}} is not known while the request is on its way`
    this.parts.push(part)
  }
}

function variableOf(kind: string, named: bool): Variable {
  if (named) {
    if (kind == 'header') return Variable.RequestHeader
    if (kind == 'cookie') return Variable.RequestCookie
    if (kind == 'query') return Variable.RequestParameter
    return kind == 'response' ? Variable.ResponseHeader : Variable.None
  }
  const names = ['method', 'path', 'pathname', 'query', 'authority', 'scheme', 'id', 'client', 'route']
  const found = names.indexOf(kind)
  if (found >= 0) return Variable.Method + found
  return kind == 'status' ? Variable.Status : Variable.None
}

function requestText(part: Part, request: Request): string {
  switch (part.variable) {
    case Variable.None:
      return part.text
    case Variable.Method:
      return request.method
    case Variable.Path:
      return request.path
    case Variable.Pathname:
      return request.pathname
    case Variable.Query: {
      const path = request.path
      const at = path.indexOf('?')
      return at < 0 ? '' : path.substring(at + 1)
    }
    case Variable.Authority:
      return request.authority
    case Variable.Scheme:
      return request.scheme
    case Variable.Id:
      return request.id
    case Variable.Client:
      return withoutPort(request.source)
    case Variable.Route:
      return orEmpty(property.text('xds.route_name'))
    case Variable.RequestHeader:
      return orEmpty(request.headers.get(part.text))
    case Variable.RequestCookie:
      return fieldValue(orEmpty(request.cookie(part.text)))
    case Variable.RequestParameter:
      return fieldValue(orEmpty(request.query(part.text)))
    default:
      return ''
  }
}

function responseText(part: Part, response: Response): string {
  return part.variable == Variable.Status ? `${response.status}` : orEmpty(response.headers.get(part.text))
}

function orEmpty(text: string | null): string {
  return text == null ? '' : text
}

/** `192.0.2.1:443` and `[2001:db8::1]:443` without the port. */
export function withoutPort(address: string): string {
  const colon = address.lastIndexOf(':')
  if (colon < 0) return address
  if (address.startsWith('[')) return address.substring(1, address.indexOf(']'))
  return address.indexOf(':') == colon ? address.substring(0, colon) : address
}
