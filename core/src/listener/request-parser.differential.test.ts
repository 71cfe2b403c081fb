// Our parser with our intake and Node's own server read 50,000 damaged connections: where they disagree, the table below says why.
import { METHODS } from 'node:http'
import { expect, test } from 'vitest'
import { seeded } from '../http1/damage.test.kit.ts'
import { nodeSees, type NodeSaw } from './node-server.test.kit.ts'
import { parse, type Recorded, type RecordedRequest } from './recording.test.kit.ts'
import { damaged, requests } from './requests.test.kit.ts'

/** One connection and what became of it on both sides. */
interface Case {
  readonly text: string
  readonly ours: Omit<Recorded, 'calls'>
  readonly node: NodeSaw
  /** The first request that both have not read to its end, as each of them began to read it. */
  readonly mine: RecordedRequest | undefined
  readonly theirs: RecordedRequest | undefined
  /** The one before it. */
  readonly before: RecordedRequest | undefined
}

/** A deliberate difference. */
interface Difference {
  readonly name: string
  readonly why: string
  /** Does it explain this disagreement? Decided by the bytes and by what Node saw, not by our own reasons. */
  explains(it: Case): boolean
}

const values = (request: RecordedRequest | undefined, name: string): string[] => request?.fields.filter((_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === name) ?? []
const codings = ({ theirs }: Case): string[] => values(theirs, 'transfer-encoding')
const host = /^(?:(?:\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?)?$/i
const origin = /^(?:https?:\/\/[^/?#]*)?(?:[/?]|$)/i
const upgrades = (request: RecordedRequest | undefined): boolean => values(request, 'upgrade').length > 0

const weRefuse: readonly Difference[] = [
  { name: 'another version than HTTP/1.0 and HTTP/1.1', why: 'nothing else is framed like HTTP/1.1 (RFC 9112 §2.3); Node takes 0.9 and 2.0', explains: ({ theirs }) => theirs !== undefined && !/^1\.[01]$/.test(theirs.version) },
  { name: 'CONNECT and TRACE', why: 'neither is for a gateway (RFC 9110 §9.3.6, §9.3.8)', explains: ({ theirs, node }) => theirs?.method === 'TRACE' || node.outcome === 'connect' },
  { name: 'not exactly one Host of the form host[:port]', why: 'who is meant must be beyond doubt (RFC 9112 §3.2)', explains: ({ theirs }) => theirs !== undefined && (values(theirs, 'host').length !== 1 || !host.test(values(theirs, 'host')[0] as string)) },
  { name: 'a target that is neither path nor http URL', why: 'nobody knows its path (RFC 9112 §3.2)', explains: ({ theirs }) => theirs !== undefined && !(theirs.method === 'OPTIONS' && theirs.url === '*') && !origin.test(theirs.url) },
  { name: 'characters in a target', why: 'a fragment, an escaped slash, half an escape or bytes above ASCII mean different paths to different readers', explains: ({ theirs }) => /[^\x21-\x7e]|#|%|\\/.test(theirs?.url ?? '') },
  { name: 'an authority in the target that is none', why: 'as with Host', explains: ({ theirs }) => !host.test(/^https?:\/\/([^/?#]*)/i.exec(theirs?.url ?? '')?.[1] ?? 'a') || /^https?:\/\/(?:[/?#]|$)/i.test(theirs?.url ?? '') },
  { name: 'Transfer-Encoding in HTTP/1.0', why: 'the framing is faulty (RFC 9112 §6.1)', explains: (it) => it.theirs?.version === '1.0' && codings(it).length > 0 },
  { name: 'a transfer coding other than chunked', why: 'the body cannot be decoded (RFC 9112 §6.1)', explains: (it) => codings(it).length > 0 && codings(it).join().toLowerCase() !== 'chunked' },
  { name: 'an expectation other than 100-continue', why: 'it cannot be met (RFC 9110 §10.1.1)', explains: ({ theirs }) => values(theirs, 'expect').some((value) => value.toLowerCase() !== '100-continue') },
  { name: 'a chunk size of more than 12 digits', why: 'a limit: leading zeros are of no use to anyone', explains: ({ text }) => /\r\n[0-9a-f]{13,}[ \t]*(?:;[^\r\n]*)?\r\n/i.test(text) },
  { name: 'an empty line of a bare CR or LF before a request', why: 'only CR LF ends a line (RFC 9112 §2.2)', explains: ({ text, before }) => /\r\r|\n\n|(?:^|[^\r])\n|\r(?!\n)/.test(text) || before?.body.endsWith('\r') === true },
  { name: 'more than one blank in a row in a request line', why: 'one is a delimiter (RFC 9112 §3), two mean another target to some', explains: ({ text }) => / {2}[^\r\n]*HTTP\/[0-9]/.test(text) },
]

const weTake: readonly Difference[] = [
  { name: 'a method that Node does not know', why: 'any token is one (RFC 9110 §9.1)', explains: ({ node, mine }) => node.outcome === 'refused' && mine !== undefined && !METHODS.includes(mine.method) },
  { name: 'chunked with a tab behind it', why: 'a tab is optional white space (RFC 9110 §5.6.3)', explains: ({ node, text }) => node.code === 'HPE_INVALID_TRANSFER_ENCODING' && /\r\ntransfer-encoding:[ \t]*chunked *\t[ \t]*\r\n/i.test(text) },
  { name: 'chunk extensions of any characters', why: 'they are dropped unread but for control characters, and bounded', explains: ({ text, node }) => /^HPE_(?:STRICT|INVALID_CHUNK_SIZE)$/.test(node.code ?? '') && /\r\n[0-9a-f]+[ \t]*;/i.test(text) },
  { name: 'what comes behind an upgrade that is not carried out', why: 'it is the next request; Node drops what came in the same piece', explains: ({ node }) => node.requests.some(upgrades) },
]

const complete = (list: readonly RecordedRequest[]): RecordedRequest[] => list.filter((request) => request.complete)
const weFailed = ({ outcome }: Case['ours']): boolean => outcome.startsWith('MESH_')
const nodeFailed = ({ outcome, code }: NodeSaw): boolean => outcome === 'refused' && code !== 'HPE_CLOSED_CONNECTION'

/** What differs between the two; undefined if nothing does. */
function disagreement(it: Case): readonly Difference[] | undefined {
  const mine = complete(it.ours.requests)
  const theirs = complete(it.node.requests)
  const shared = Math.min(mine.length, theirs.length)
  // There is no reason for which the two may read the same request differently.
  if (JSON.stringify(mine.slice(0, shared)) !== JSON.stringify(theirs.slice(0, shared)) || !sameBeginning(it)) return []
  if (mine.length < theirs.length || (weFailed(it.ours) && it.node.outcome === 'done')) return upgrades(theirs.at(-1)) ? weTake : weRefuse
  if (mine.length > theirs.length || (it.ours.outcome === 'ended' && nodeFailed(it.node))) return weTake
  return undefined
}

/** Of a request that neither has read to its end: what had been passed on by then is the beginning of the same. */
function sameBeginning({ mine, theirs }: Case): boolean {
  if (mine === undefined || theirs === undefined) return true
  const head = ({ method, url, fields }: RecordedRequest): string => JSON.stringify([method, url, fields])
  return head(mine) === head(theirs) && (mine.body.startsWith(theirs.body) || theirs.body.startsWith(mine.body))
}

const batches = 200
const batch = 250

test(`${batches * batch} damaged connections: no request is read otherwise than by Node's server, and none is found that it does not see`, { timeout: 120_000 }, async () => {
  const random = seeded(16)
  const found = new Map<string, number>()
  const unexplained: string[] = []
  const count = (what: string): void => void found.set(what, (found.get(what) ?? 0) + 1)
  for (let i = 0; i < batches; i++) {
    const made = Array.from({ length: batch }, () => damaged(requests[random(requests.length)] as string, random))
    const seen = await nodeSees(made.map((text) => Buffer.from(text, 'latin1')))
    for (const [at, node] of seen.entries()) judge(caseOf(made[at] as string, node), count, unexplained)
  }
  expect(unexplained.slice(0, 10)).toEqual([])
  // A row that nothing falls under says nothing.
  for (const { name } of [...weRefuse, ...weTake]) expect(found.get(name), name).toBeGreaterThan(0)
  expect(found.get('both read the same')).toBeGreaterThan(4_000)
  expect(found.get('both refuse')).toBeGreaterThan(20_000)
  console.log(summary(found))
})

function caseOf(text: string, node: NodeSaw): Case {
  const ours = parse(text)
  const shared = Math.min(complete(ours.requests).length, complete(node.requests).length)
  return { text, ours, node, mine: ours.requests[shared], theirs: node.requests[shared], before: node.requests[shared - 1] }
}

function judge(it: Case, count: (what: string) => void, unexplained: string[]): void {
  const differences = disagreement(it)
  if (differences === undefined) return count(weFailed(it.ours) ? 'both refuse' : 'both read the same')
  const difference = differences.find((difference) => difference.explains(it))
  if (difference === undefined) unexplained.push(JSON.stringify(it))
  else count(difference.name)
}

function summary(found: ReadonlyMap<string, number>): string {
  const line = (count: number, text: string): string => `${String(count).padStart(7)}  ${text}`
  const list = (differences: readonly Difference[]): string[] => differences.map(({ name, why }) => line(found.get(name) ?? 0, `${name}: ${why}`))
  const agreed = ['both read the same', 'both refuse'].map((what) => line(found.get(what) ?? 0, what))
  return [...agreed, 'only Node takes:', ...list(weRefuse), 'only we take:', ...list(weTake)].join('\n')
}
