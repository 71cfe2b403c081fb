// An instance in the registry: what may be said of it, and what a mesh makes of it.
import { parseAddress, type EndpointSpec } from '@meshwright/core'
import { Refusal } from './refusal.ts'

/** What a service says of one of its instances. */
export interface Instance {
  readonly service: string
  /** Stable name inside the service. */
  readonly id: string
  /** A name or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
  readonly version?: string
  readonly zone?: string
  readonly weight: number
  readonly priority: number
  readonly metadata: Readonly<Record<string, string>>
  /** After how long without a heartbeat it is taken for dead. Milliseconds. */
  readonly ttlMs: number
}

/** The greatest of everything that somebody may say. */
export const limits = {
  serviceLength: 128,
  idLength: 256,
  hostLength: 253,
  textLength: 128,
  weight: 1_000_000,
  priority: 127,
  metadataKeys: 32,
  metadataBytes: 4096,
  minTtlMs: 1000,
  maxTtlMs: 3_600_000,
} as const

const defaultTtlMs = 15_000
const keys = new Set(['service', 'address', 'id', 'version', 'zone', 'weight', 'priority', 'metadata', 'ttlMs'])

/**
 * Reads what somebody says of an instance.
 * @param tolerant whether keys that are not known are passed over, as from a registry that is newer than this one
 * @throws Refusal REGISTRY_BAD_INSTANCE
 */
export function toInstance(value: unknown, tolerant = false): Instance {
  if (!isObject(value)) throw bad('it is no JSON object')
  const unknown = tolerant ? undefined : Object.keys(value).find((key) => !keys.has(key))
  if (unknown !== undefined) throw bad(`unknown key "${unknown.slice(0, 50)}"`)
  const { host, port } = toPlace(value['address'])
  const version = text('version', value['version'], limits.textLength)
  const zone = text('zone', value['zone'], limits.textLength)
  return {
    service: toServiceName(value['service']),
    id: text('id', value['id'], limits.idLength) ?? addressOf(host, port),
    host,
    port,
    ...(version !== undefined && { version }),
    ...(zone !== undefined && { zone }),
    weight: whole('weight', value['weight'] ?? 1, 1, limits.weight),
    priority: whole('priority', value['priority'] ?? 0, 0, limits.priority),
    metadata: toMetadata(value['metadata'] ?? {}),
    ttlMs: whole('ttlMs', value['ttlMs'] ?? defaultTtlMs, limits.minTtlMs, limits.maxTtlMs),
  }
}

/** @throws Refusal REGISTRY_BAD_INSTANCE */
export function toServiceName(value: unknown): string {
  const name = text('service', value, limits.serviceLength)
  if (name === undefined) throw bad('service is missing')
  return name
}

/** The same as {@link toInstance} reads. */
export function fromInstance({ host, port, ...rest }: Instance): Record<string, unknown> {
  return { ...rest, address: addressOf(host, port) }
}

/** What balancers and filters see of it; the version is one of the metadata. */
export function toEndpoint({ id, host, port, weight, priority, zone, version, metadata }: Instance): EndpointSpec {
  return { id, host, port, weight, priority, ...(zone !== undefined && { zone }), metadata: version === undefined ? metadata : { ...metadata, version } }
}

function addressOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function toPlace(value: unknown): { host: string; port: number } {
  if (typeof value !== 'string') throw bad('address is missing; it is host:port')
  const place = parsed(value)
  if (place === undefined || value.startsWith(':') || place.port === 0 || place.host.length > limits.hostLength) throw bad('address is not host:port')
  return place
}

function parsed(address: string): { host: string; port: number } | undefined {
  try {
    return parseAddress(address)
  } catch {
    return undefined
  }
}

/** Undefined and null are no text; anything else is one or is refused. Control characters belong into no log line. */
function text(name: string, value: unknown, maxLength: number): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' || value === '' || value.length > maxLength || /[\p{Cc}\p{Cs}]/u.test(value)) throw bad(`${name} is a text of 1 to ${maxLength} characters`)
  return value
}

function whole(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) throw bad(`${name} is a whole number from ${least} to ${most}`)
  return value
}

function toMetadata(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) throw bad('metadata is an object of texts')
  const entries = Object.entries(value)
  if (entries.length > limits.metadataKeys) throw bad(`metadata has more than ${limits.metadataKeys} keys`)
  const wrong = entries.find(([, part]) => typeof part !== 'string')
  if (wrong !== undefined) throw bad(`metadata "${wrong[0].slice(0, 50)}" is no text`)
  if (Buffer.byteLength(JSON.stringify(value)) > limits.metadataBytes) throw bad(`metadata is longer than ${limits.metadataBytes} bytes`)
  // A key such as __proto__ is a key like any other.
  return Object.fromEntries(entries) as Record<string, string>
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bad(reason: string): Refusal {
  return new Refusal('REGISTRY_BAD_INSTANCE', reason)
}
