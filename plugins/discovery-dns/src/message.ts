// DNS messages: the question that is sent, and what an answer to exactly that question says.
import dnsPacket, { type Answer as Entry, type DecodedPacket, type SoaAnswer } from 'dns-packet'
import { isIP } from 'node:net'

export type RecordType = 'A' | 'AAAA' | 'SRV'

/** What is asked. */
export interface Question {
  /** 0..65535, hard to guess. */
  readonly id: number
  /** Absolute, in lower case and without the dot at its end. */
  readonly name: string
  readonly type: RecordType
}

/** One SRV record. @source RFC 2782 */
export interface Target {
  /** In lower case, without the dot at its end; empty: the service is decidedly not available. */
  readonly host: string
  readonly port: number
  /** 0 first. */
  readonly priority: number
  readonly weight: number
}

/** What a server says to a question. */
export interface Answer {
  /** `failed`: it does not know, today. `nodata`: the name is there, such records are not. */
  readonly verdict: 'found' | 'nodata' | 'nxdomain' | 'failed'
  /** Why it failed, for people; otherwise empty. */
  readonly reason: string
  /** How long it holds; undefined where the server has not said. Seconds. */
  readonly ttlSeconds: number | undefined
  /** Of A and AAAA. */
  readonly addresses: readonly string[]
  /** Of SRV. */
  readonly targets: readonly Target[]
  /** Addresses of targets that came along, by name. */
  readonly glue: ReadonlyMap<string, readonly string[]>
  /** There is more than fits: ask again over TCP. */
  readonly truncated: boolean
}

const maxAliases = 16
const header = { bytes: 12, answerBit: 0x8000, truncatedBit: 0x0200 } as const
/** TTLs beyond are to be read as 0. @source RFC 2181 §8 */
const maxTtlSeconds = 2 ** 31 - 1

/** The question as bytes. Without EDNS: a larger answer comes over TCP, which nothing on the way cuts into pieces. */
export function encodeQuestion({ id, name, type }: Question): Buffer {
  return dnsPacket.encode({ type: 'query', id, flags: dnsPacket.RECURSION_DESIRED, questions: [{ type, name, class: 'IN' }] })
}

/** An answer that says no more than that it failed. */
export function failure(reason: string): Answer {
  return { verdict: 'failed', reason, ttlSeconds: undefined, addresses: [], targets: [], glue: new Map(), truncated: false }
}

/** Reads an answer; undefined for whatever is no answer to this question: it is to be ignored, as anybody could have sent it. */
export function readAnswer(bytes: Buffer, question: Question): Answer | undefined {
  if (bytes.length < header.bytes || bytes.readUInt16BE(0) !== question.id) return undefined
  const flags = bytes.readUInt16BE(2)
  if ((flags & header.answerBit) === 0) return undefined
  const packet = decoded(bytes)
  if (packet !== undefined && !asks(packet, question)) return undefined
  // What does not fit may end in the middle of a record.
  if ((flags & header.truncatedBit) !== 0) return { ...failure('truncated'), truncated: true }
  return packet === undefined ? undefined : toAnswer(packet, question)
}

/** Undefined for what is no DNS message: pointers forward, names or records that do not end. */
function decoded(bytes: Buffer): DecodedPacket | undefined {
  try {
    const packet = dnsPacket.decode(bytes)
    // A last record that is cut short is read as if its end were there.
    return dnsPacket.decode.bytes <= bytes.length ? packet : undefined
  } catch {
    return undefined
  }
}

function asks({ questions = [] }: DecodedPacket, { name, type }: Question): boolean {
  const [asked] = questions
  return questions.length === 1 && asked !== undefined && asked.type === type && (asked.class ?? 'IN') === 'IN' && bare(asked.name) === name
}

function toAnswer(packet: DecodedPacket, question: Question): Answer {
  const rcode = String((packet as { rcode?: unknown }).rcode)
  if (rcode === 'NXDOMAIN') return nothing('nxdomain', packet)
  if (rcode !== 'NOERROR') return failure(rcode)
  const answers = (packet.answers ?? []).filter(isInternet)
  const alias = followAliases(answers, question.name)
  if (alias === undefined) return failure('too many aliases')
  const records = answers.filter((entry) => entry.type === question.type && bare(entry.name) === alias.name)
  if (records.length === 0) return isReferral(packet) ? failure('it refers to other servers') : nothing('nodata', packet)
  return {
    ...failure(''),
    verdict: 'found',
    ttlSeconds: Math.min(alias.ttlSeconds, ...records.map(ttlOf)),
    addresses: records.map(addressOf).filter((address) => address !== undefined),
    targets: records.map(targetOf).filter((target) => target !== undefined),
    glue: glueIn(packet),
  }
}

/** From alias to alias to the name that has the records. */
function followAliases(answers: readonly Entry[], from: string): { name: string; ttlSeconds: number } | undefined {
  let name = from
  let ttlSeconds = maxTtlSeconds
  for (let i = 0; i <= maxAliases; i++) {
    const alias = answers.find((entry) => entry.type === 'CNAME' && bare(entry.name) === name)
    if (alias?.type !== 'CNAME') return { name, ttlSeconds }
    name = bare(alias.data)
    ttlSeconds = Math.min(ttlSeconds, ttlOf(alias))
  }
  return undefined
}

/** A no holds as long as the zone says. @source RFC 2308 §5 */
function nothing(verdict: 'nodata' | 'nxdomain', packet: DecodedPacket): Answer {
  const soa = (packet.authorities ?? []).find((entry): entry is SoaAnswer => entry.type === 'SOA')
  return { ...failure(''), verdict, ttlSeconds: soa === undefined ? undefined : Math.min(ttlOf(soa), soa.data.minimum ?? 0) }
}

/** A server that knows nothing and names others is no resolver for us. @source RFC 2308 §2.2 */
function isReferral(packet: DecodedPacket): boolean {
  const authorities = packet.authorities ?? []
  return !packet.flag_aa && authorities.some((entry) => entry.type === 'NS') && !authorities.some((entry) => entry.type === 'SOA')
}

function glueIn(packet: DecodedPacket): Map<string, string[]> {
  const glue = new Map<string, string[]>()
  for (const entry of (packet.additionals ?? []).filter(isInternet)) {
    const address = addressOf(entry)
    if (address === undefined) continue
    const known = glue.get(bare(entry.name))
    if (known === undefined) glue.set(bare(entry.name), [address])
    else known.push(address)
  }
  return glue
}

function isInternet(entry: Entry): boolean {
  return entry.type !== 'OPT' && (entry.class ?? 'IN') === 'IN'
}

/** Nobody is at 0.0.0.0 or ::, which is how filters of names say no. */
function addressOf(entry: Entry): string | undefined {
  if (entry.type !== 'A' && entry.type !== 'AAAA') return undefined
  return isIP(entry.data) === 0 || entry.data === '0.0.0.0' || entry.data === '::' ? undefined : entry.data
}

function targetOf(entry: Entry): Target | undefined {
  if (entry.type !== 'SRV') return undefined
  const { target, port, priority = 0, weight = 0 } = entry.data
  return { host: bare(target), port, priority, weight }
}

function ttlOf(entry: Entry): number {
  const ttl = 'ttl' in entry ? (entry.ttl ?? 0) : 0
  return ttl > maxTtlSeconds ? 0 : ttl
}

function bare(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
