// A configuration as it may be shown: plain data, without secrets.
import type { TSchema } from 'typebox'

const secretName = /passw|passphrase|secret|token|credential|authorization|(api|private|access|signing|session|encryption|hmac|auth)[-_]?keys?(?![a-z])|^key$/i
/** What is said about a secret, and is none. */
const aboutSecret = /[a-z0-9](File|Path|Name|Url|Prefix|Prefixes|Header|Param|Parameter|Type)$|[-_](file|path|name|url|prefix|prefixes|header|param|parameter|type)$/
/** A text that only its reader understands, as filters get it. */
const opaqueName = /^(vm)?configuration$/i

/** Those of a URL. */
const credentials = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi

/** The schemas that plugins have given for options, by the name that has the options. */
export type OptionSchemas = ReadonlyMap<string, readonly TSchema[]>

/** The parts of a JSON Schema that lead to a mark. */
interface Marked {
  readonly type?: string
  readonly writeOnly?: boolean
  readonly properties?: Readonly<Record<string, Marked>>
  readonly items?: Marked
  readonly anyOf?: readonly Marked[]
}

/** Names that several kinds of plugins provide have several schemas. */
export function optionSchemas(provided: readonly { readonly name: string; readonly schema: TSchema | undefined }[]): OptionSchemas {
  const schemas = new Map<string, TSchema[]>()
  for (const { name, schema } of provided) if (schema !== undefined) schemas.set(name, [...(schemas.get(name) ?? []), schema])
  return schemas
}

/**
 * A copy for people: answers by value become `"(by value)"`. `"(hidden)"` are texts whose schema says `writeOnly: true`; those under a name
 * that sounds like a secret, unless their schema says `writeOnly: false`; and always private keys, and the credentials of URLs.
 */
export function shown(value: unknown, schemas: OptionSchemas = new Map()): unknown {
  return show(value, '', [], schemas)
}

function show(value: unknown, name: string, own: readonly Marked[], schemas: OptionSchemas): unknown {
  if (typeof value === 'function') return '(by value)'
  if (typeof value === 'string') return isHidden(value, name, own) ? '(hidden)' : value.replace(credentials, '$1(hidden)@')
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const element = forType('array', own).flatMap(({ writeOnly, items }) => [...(writeOnly === undefined ? [] : [{ writeOnly }]), ...alternatives(items)])
    return value.map((one) => show(one, name, element, schemas))
  }
  const entries = Object.entries(value)
  if (Object.getPrototypeOf(value) !== Object.prototype || entries.some(([, part]) => typeof part === 'function')) return '(by value)'
  return Object.fromEntries(entries.map(([key, part]) => [key, show(part, key, schemasOf(key, own, schemas), schemas)]))
}

/** Of one property: what the schemas of its object say, or else those of the plugin of that name. All that is in a secret is one. */
function schemasOf(key: string, own: readonly Marked[], schemas: OptionSchemas): readonly Marked[] {
  const objects = forType('object', own)
  if (objects.some(({ writeOnly }) => writeOnly === true)) return [{ writeOnly: true }]
  const told = objects.flatMap(({ properties }) => alternatives(properties?.[key]))
  return told.length > 0 ? told : (schemas.get(key) ?? []).flatMap((schema) => alternatives(schema as Marked))
}

/** Without those that mean something of another type. */
function forType(wanted: string, schemas: readonly Marked[]): readonly Marked[] {
  return schemas.filter(({ type = wanted }) => type === wanted)
}

function alternatives(schema: Marked | undefined): readonly Marked[] {
  return schema === undefined ? [] : [schema, ...(schema.anyOf ?? []).flatMap(alternatives)]
}

function isHidden(text: string, name: string, own: readonly Marked[]): boolean {
  if (text.includes('PRIVATE KEY-----')) return true
  const marks = forType('string', own).map(({ writeOnly }) => writeOnly)
  if (marks.includes(true)) return true
  return !marks.includes(false) && ((secretName.test(name) && !aboutSecret.test(name)) || opaqueName.test(name))
}
