// Reads a configuration into objects. The transform writes a function for each class; those are made of these.
import { Json, JsonKind } from './json'
import { log } from './log'

let failure: string = ''

/** What is wrong; the first complaint counts. */
export function complain(path: string, what: string): void {
  if (failure.length == 0) failure = `${path}: ${what}`
}

/** The whole configuration. An empty text is an empty object. Null: it is wrong, and the log says why. */
export function readAll(text: string, read: (json: Json, path: string) => Object): Object | null {
  failure = ''
  const json = Json.parse(text.length == 0 ? '{}' : text)
  if (json == null) {
    log.error(`configuration: ${Json.error}`)
    return null
  }
  const settings = read(json, 'configuration')
  if (failure.length == 0) return settings
  log.error(failure)
  return null
}

/** Whether it is an object, and all of its names are known. */
export function isObject(json: Json, path: string, known: string[]): bool {
  if (json.kind != JsonKind.Object) {
    complain(path, 'an object was expected')
    return false
  }
  for (let i = 0; i < json.names.length; i++) {
    if (!known.includes(json.names[i])) complain(`${path}.${json.names[i]}`, 'there is no such option; known are ' + known.join(', '))
  }
  return true
}

export function readText(json: Json, path: string): string {
  if (json.kind != JsonKind.Text) complain(path, 'a text was expected')
  return json.text
}

export function readBool(json: Json, path: string): bool {
  if (json.kind != JsonKind.Bool) complain(path, 'true or false was expected')
  return json.bool
}

export function readFloat(json: Json, path: string): f64 {
  if (json.kind != JsonKind.Number) complain(path, 'a number was expected')
  return json.number
}

export function readWhole<T>(json: Json, path: string): T {
  const value = json.whole
  if (!json.isWhole || value < <i64>minOf<T>() || (sizeof<T>() < 8 && value > <i64>maxOf<T>())) complain(path, `a whole number from ${minOf<T>()} to ${maxOf<T>()} was expected`)
  return <T>value
}

function minOf<T>(): T {
  if (!isSigned<T>()) return <T>0
  return <T>((<i64>-1) << (sizeof<T>() * 8 - 1))
}

function maxOf<T>(): T {
  const bits: u64 = sizeof<T>() * 8 - (isSigned<T>() ? 1 : 0)
  return <T>(bits == 64 ? u64.MAX_VALUE : ((<u64>1) << bits) - 1)
}

export function readList<T>(json: Json, path: string, read: (json: Json, path: string) => T): T[] {
  const list: T[] = []
  if (json.kind != JsonKind.List) {
    complain(path, 'a list was expected')
    return list
  }
  for (let i = 0; i < json.items.length; i++) list.push(read(json.items[i], `${path}[${i}]`))
  return list
}

export function readMap<T>(json: Json, path: string, read: (json: Json, path: string) => T): Map<string, T> {
  const map = new Map<string, T>()
  if (json.kind != JsonKind.Object) {
    complain(path, 'an object was expected')
    return map
  }
  for (let i = 0; i < json.items.length; i++) map.set(json.names[i], read(json.items[i], `${path}.${json.names[i]}`))
  return map
}
