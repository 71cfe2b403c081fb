// The core's own rules for the parts of a route, asked one part at a time so that each mistake has its own place.
import { MeshError, RouteTable, type RouteMatch } from '@meshwright/core'

function mistakeIn(match: RouteMatch): string | undefined {
  try {
    new RouteTable([{ match, value: undefined, field: 'match' }])
    return undefined
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    // The position says which field it is; the title and the field's name would repeat it.
    return error.message.replace(/^[^:]*: match[^:]*: /, '')
  }
}

/** What is wrong with the host of a match; undefined if nothing is. */
export function hostMistake(host: string): string | undefined {
  return mistakeIn({ host })
}

/** What is wrong with an exact path, or with a prefix that ends with `/*`. */
export function pathMistake(path: string): string | undefined {
  return mistakeIn({ path })
}

/** What is wrong with a regular expression, its running time included. */
export function regexMistake(regex: string): string | undefined {
  return mistakeIn({ path: { regex } })
}

/** What is wrong with a method. */
export function methodMistake(method: string): string | undefined {
  return mistakeIn({ method })
}

/** What is wrong with the name of a header field in a condition. */
export function fieldMistake(name: string): string | undefined {
  return mistakeIn({ headers: { [name]: { present: true } } })
}
