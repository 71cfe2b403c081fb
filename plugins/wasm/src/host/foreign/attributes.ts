// Attributes of a stream as values of CEL: properties, with the types that their bytes stand for.
import { Buffer } from 'node:buffer'
import type { Context } from '../context.ts'
import { decodePairs } from '../pairs.ts'
import { durationOf, type Attribute, type AttributeValues } from './cel.ts'

type Kind = 'text' | 'int' | 'bool' | 'moment' | 'span' | 'map'

/** What is no text. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ...of('request', 'int', ['headers_bytes', 'size', 'total_size']),
  ...of('request', 'map', ['headers']),
  ...of('request', 'moment', ['time']),
  ...of('request', 'span', ['duration']),
  ...of('response', 'int', ['code', 'flags', 'grpc_status', 'headers_bytes', 'size', 'total_size']),
  ...of('response', 'span', ['backend_latency']),
  ...of('response', 'map', ['headers', 'trailers']),
  ...of('source', 'int', ['port']),
  ...of('destination', 'int', ['port']),
  ...of('connection', 'int', ['id']),
  ...of('connection', 'bool', ['mtls']),
  ...of('upstream', 'int', ['port', 'num_endpoints', 'request_attempt_count']),
  ...of('xds', 'int', ['listener_direction']),
  ['listener_direction', 'int'],
  ['connection_id', 'int'],
  ...of('node', 'map', ['metadata']),
])

function of(group: string, kind: Kind, names: readonly string[]): [string, Kind][] {
  return names.map((name) => [`${group}.${name}`, kind])
}

/** Those that are asked for and that there are; a group is there if it is asked for. */
export function attributesOf(context: Context, attributes: readonly Attribute[]): AttributeValues {
  // Names are the guest's: none of them may be one that JavaScript's own objects have.
  const values = Object.create(null) as Record<string, unknown>
  for (const attribute of attributes) {
    const bytes = context.property(attribute)
    const value = bytes === undefined ? undefined : valueOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), kinds.get(attribute.join('.')) ?? 'text')
    const [group, name] = attribute
    if (name !== undefined) groupIn(values, group, name, value)
    else if (value !== undefined) values[group] ??= value
  }
  return values
}

function groupIn(values: Record<string, unknown>, group: string, name: string, value: unknown): void {
  const known = values[group]
  const members = known instanceof Map ? (known as Map<string, unknown>) : new Map<string, unknown>()
  values[group] = members
  if (value !== undefined) members.set(name, value)
}

function valueOf(bytes: Buffer, kind: Kind): unknown {
  switch (kind) {
    case 'int':
      return bytes.readBigInt64LE()
    case 'bool':
      return bytes[0] === 1
    case 'moment':
      return new Date(Number(bytes.readBigInt64LE() / 1_000_000n))
    case 'span':
      return durationOf(bytes.readBigInt64LE())
    case 'map':
      return mapOf(decodePairs(bytes))
    default:
      return bytes.toString('utf8')
  }
}

/** Values of one name are joined, as those of a property are. */
function mapOf(list: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>()
  for (let i = 0; i < list.length; i += 2) {
    const name = utf8(list[i] as string)
    const value = utf8(list[i + 1] as string)
    const before = map.get(name)
    map.set(name, before === undefined ? value : `${before},${value}`)
  }
  return map
}

/** Fields have one byte per character; expressions have characters. */
function utf8(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
