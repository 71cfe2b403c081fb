// The fields of a request and of a response with their pseudo headers, as proxy-wasm knows them.
import type { Exchange, Headers } from '@meshwright/core'
import { MessageFields, type FieldMap, type PseudoField } from './field-map.ts'

const method = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const target = /^(?:\/|\*$)[\x21-\x7e\x80-\xff]*$/
const authority = /^[\x21-\x7e]*$/

/** `:method`, `:path`, `:authority`, `:scheme`, the length of the body, and the fields. */
export function requestFields({ request, body }: Exchange): FieldMap {
  const pseudo: PseudoField[] = [
    {
      name: ':method',
      get: () => request.method,
      set: (value) => method.test(value) && ((request.method = value), true),
    },
    { name: ':path', get: () => request.target, set: (value) => target.test(value) && (setTarget(request, value), true) },
    { name: ':authority', get: () => request.authority, set: (value) => authority.test(value) && ((request.authority = value), true) },
    { name: ':scheme', get: () => request.scheme },
    { name: 'host', get: () => undefined, set: (value) => authority.test(value) && ((request.authority = value), true) },
  ]
  if (body !== undefined) {
    pseudo.push({
      name: 'content-length',
      get: () => (body.declaredBytes === undefined ? undefined : String(body.declaredBytes)),
      // The length is counted, whatever anybody says of it.
      set: () => true,
      delete: () => void (body.declaredBytes = undefined),
    })
  }
  return new MessageFields(request.headers, pseudo)
}

function setTarget(request: Exchange['request'], value: string): void {
  const query = value.indexOf('?')
  request.path = query < 0 ? value : value.slice(0, query)
  request.query = query < 0 ? '' : value.slice(query + 1)
  request.hasQuery = query >= 0
}

/** `:status` and the fields. */
export function responseFields({ status, headers }: { readonly status: { value: number }; readonly headers: Headers }): FieldMap {
  const field: PseudoField = {
    name: ':status',
    get: () => String(status.value),
    set(value) {
      const number = Number(value)
      if (!Number.isInteger(number) || number < 200 || number > 599) return false
      status.value = number
      return true
    },
  }
  return new MessageFields(headers, [field])
}
