// The answer: one header field more in every response.
import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { Filter } from '@meshwright/core'

export interface __Camel__Options {
  /** Of the field. */
  readonly header: string
  /** Default `yes`. */
  readonly value?: string
}

/**
 * Sets a field of every response that comes from an endpoint; one that is there already is replaced.
 * @throws TypeError for a name or a value that no header can have
 */
export function __camel__(options: __Camel__Options): Filter {
  const { header, value = 'yes' } = options
  validateHeaderName(header)
  validateHeaderValue(header, value)
  return {
    name: '__name__',
    onResponseHeaders({ response }) {
      response?.headers.set(header, value)
    },
  }
}
