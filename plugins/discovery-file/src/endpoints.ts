// From the text of an endpoints file to endpoints, or to the reason why not.
import { toEndpointSpec, type EndpointShort, type EndpointSpec } from '@meshwright/core'
import { parseDocument } from 'yaml'

const keys = new Set(['address', 'host', 'port', 'id', 'weight', 'priority', 'zone', 'metadata'])
const maxTextLength = 1000
const maxMetadata = 100

/**
 * Reads a list of endpoints, or an object whose `endpoints` is one. An endpoint is `host:port`, or an object with
 * `address`, or `host` and `port`, and perhaps `id`, `weight`, `priority`, `zone` and `metadata`.
 * @param json whether the text is JSON; YAML otherwise
 * @throws Error whose message says what is wrong, and where
 */
export function parseEndpoints(text: string, json: boolean, maxEndpoints: number): EndpointSpec[] {
  const list = toList(json ? (JSON.parse(text) as unknown) : parseYaml(text))
  if (list.length > maxEndpoints) throw new Error(`${list.length} endpoints are more than ${maxEndpoints}`)
  const endpoints = list.map((item, i) => at(`endpoints[${i}]`, () => toEndpoint(item)))
  checkIds(endpoints)
  return endpoints
}

function parseYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true })
  const [error] = document.errors
  if (error) throw new Error(error.message.split('\n')[0]?.replace(/:$/, '') ?? error.code)
  return document.toJS({ maxAliasCount: 100 })
}

function toList(value: unknown): unknown[] {
  const list = isObject(value) ? value['endpoints'] : value
  // An empty file is more likely half written than meant; nobody is written as [].
  if (!Array.isArray(list)) throw new Error('there is no list of endpoints; an empty one is written as []')
  return list
}

function toEndpoint(item: unknown): EndpointSpec {
  if (typeof item === 'string') return checked(toEndpointSpec(item))
  if (!isObject(item)) throw new Error('is neither host:port nor an object')
  const unknown = Object.keys(item).find((key) => !keys.has(key))
  if (unknown !== undefined) throw new Error(`unknown key "${unknown}"`)
  if (item['address'] === undefined) return checked(pick(item))
  if (item['host'] !== undefined || item['port'] !== undefined) throw new Error('has an address as well as a host or port')
  return checked(toEndpointSpec(pick(item) as unknown as EndpointShort))
}

/** Without the keys that are there but empty, as YAML has them. */
function pick(item: Record<string, unknown>): EndpointSpec {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null && value !== undefined)) as unknown as EndpointSpec
}

/** Nothing is known of the values' types yet, whatever TypeScript was told. */
function checked(endpoint: EndpointSpec): EndpointSpec {
  const { host, port, id, weight, priority, zone, metadata } = endpoint as unknown as Record<string, unknown>
  if (!isText(host) || /[\s/@[\]]/.test(host)) throw new Error('host is not a name or an address')
  if (!isWhole(port, 1, 65_535)) throw new Error('port is a whole number from 1 to 65535')
  if (id !== undefined && !isText(id)) throw new Error('id is not a text')
  if (weight !== undefined && !isWhole(weight, 1, 1_000_000)) throw new Error('weight is a whole number from 1 to 1000000')
  if (priority !== undefined && !isWhole(priority, 0, 127)) throw new Error('priority is a whole number from 0 to 127')
  if (zone !== undefined && !isText(zone)) throw new Error('zone is not a text')
  if (metadata !== undefined && !isMetadata(metadata)) throw new Error(`metadata has up to ${maxMetadata} texts by name`)
  return endpoint
}

function checkIds(endpoints: readonly EndpointSpec[]): void {
  const seen = new Set<string>()
  for (const { id, host, port } of endpoints) {
    const name = id ?? `${host}:${port}`
    if (seen.has(name)) throw new Error(`"${name}" is there twice`)
    seen.add(name)
  }
}

function at<T>(place: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`, { cause: error })
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxTextLength
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

function isMetadata(value: unknown): boolean {
  if (!isObject(value)) return false
  const texts = Object.values(value)
  return texts.length <= maxMetadata && texts.every((text) => typeof text === 'string' && text.length <= maxTextLength)
}
