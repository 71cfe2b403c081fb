// Our parser and Node's own client read 110,000 damaged responses: where they disagree, the table below says why.
import { expect, test } from 'vitest'
import { MeshError } from '../../errors.ts'
import { nodeSees, passedOn, type NodeSaw } from './node-client.test.kit.ts'
import { parse, type Asked, type Recorded } from './recording.test.kit.ts'
import { seeded } from '../../http1/damage.test.kit.ts'
import { damaged, responses } from './responses.test.kit.ts'

/** One response and what became of it on both sides. */
interface Case {
  readonly text: string
  readonly asked: Asked
  readonly ours: Omit<Recorded, 'calls'>
  readonly node: NodeSaw
}

/** A deliberate difference. */
interface Difference {
  readonly name: string
  readonly why: string
  /** Does it explain this disagreement? Decided by the bytes and by what Node saw, not by our own reasons. */
  explains(it: Case): boolean
}

type Head = NodeSaw['heads'][number]
const codings = ({ raw }: Head): string[] => raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === 'transfer-encoding')
const statuses = ({ heads }: { heads: readonly { status: number }[] }): number[] => heads.map(({ status }) => status)
const weFailed = ({ outcome }: Case['ours']): boolean => outcome.startsWith('MESH_')
const nodeFailed = ({ outcome }: NodeSaw): boolean => outcome === 'refused' || outcome === 'cut'

const weRefuse: readonly Difference[] = [
  { name: '101 that nobody asked for', why: 'what follows could be anything (RFC 9110 §7.8); Node hands it to an `upgrade` listener, or reads an empty response', explains: ({ asked, node }) => asked.upgrade !== true && statuses(node).includes(101) },
  { name: 'Transfer-Encoding in 1xx and 204', why: 'a server must not send it (RFC 9112 §6.1)', explains: ({ node }) => node.heads.some((head) => codings(head).length > 0 && (head.status < 200 || head.status === 204)) },
  { name: 'Transfer-Encoding in HTTP/1.0', why: 'the framing is faulty (RFC 9112 §6.1)', explains: ({ text, node }) => node.heads.some((head) => codings(head).length > 0) && /(?:^|\r\n\r\n)HTTP\/1\.0/.test(text) },
  { name: 'a transfer coding other than chunked', why: 'the body cannot be decoded, nor passed on as it is; Node reads on until the close', explains: ({ node }) => node.heads.some((head) => codings(head).length > 0 && codings(head).join().toLowerCase() !== 'chunked') },
  { name: 'chunked with a tab behind it', why: 'a tab is optional white space (RFC 9110 §5.6.3); Node does not see the chunks and reads on until the close', explains: ({ text }) => /\r\ntransfer-encoding:[ \t]*chunked *\t[ \t]*\r\n/i.test(text) },
  { name: 'control characters in the reason', why: 'reason-phrase has none (RFC 9112 §4)', explains: ({ node }) => node.heads.some(({ reason }) => /[\0-\x08\x0a-\x1f\x7f]/.test(reason)) },
  { name: 'an empty line before the status line', why: 'only servers may skip one (RFC 9112 §2.2); from an endpoint it is the rest of something else', explains: ({ text }) => /^(?:HTTP\/1\.[01] 1[0-9]{2}[^]*?\r\n\r\n)*[\r\n]/.test(text) },
  { name: 'another version than HTTP/1.0 and HTTP/1.1', why: 'nothing else is framed like HTTP/1.1 (RFC 9112 §2.3)', explains: ({ text }) => /^(?:HTTP\/1\.[01] 1[0-9]{2}[^]*?\r\n\r\n)*HTTP\/(?!1\.[01])/.test(text) },
  { name: 'a chunk size of more than 12 digits', why: 'a limit: leading zeros are of no use to anyone', explains: ({ text }) => /\r\n[0-9a-f]{13,}[ \t]*(?:;[^\r\n]*)?\r\n/i.test(text) },
  { name: 'a status below 100', why: 'status codes begin with 1 to 9 (RFC 9110 §15)', explains: ({ node }) => statuses(node).some((status) => status < 100) },
]

const weTake: readonly Difference[] = [
  { name: 'identical Content-Length fields', why: 'they collapse to one (RFC 9112 §6.3)', explains: ({ text, node }) => node.code === 'HPE_UNEXPECTED_CONTENT_LENGTH' && /content-length:[ \t]*([0-9]+)[ \t]*\r\n(?:[^]*\r\n)?content-length:[ \t]*\1[ \t]*\r\n/i.test(text) },
  { name: 'chunk extensions of any characters', why: 'they are dropped unread but for control characters, and bounded', explains: ({ text, node }) => /^HPE_(?:STRICT|INVALID_CHUNK_SIZE)$/.test(node.code ?? '') && /\r\n[0-9a-f]+[ \t]*;/i.test(text) },
  { name: 'Content-Length and Transfer-Encoding as trailers', why: 'they are dropped and frame nothing (RFC 9110 §6.5.1)', explains: ({ text, node }) => /^HPE_(?:INVALID_CONTENT_LENGTH|UNEXPECTED_CONTENT_LENGTH|INVALID_TRANSFER_ENCODING)$/.test(node.code ?? '') && /\r\n0+(?:;[^\r\n]*)?\r\n(?:[^]*\r\n)?(?:content-length|transfer-encoding):/i.test(text) },
  { name: 'Connection: close or HTTP/1.0 in an interim response', why: 'the final response says whether the connection goes on; Node takes what follows for bytes behind the end', explains: ({ node }) => node.code === 'HPE_CLOSED_CONNECTION' && statuses(node).every((status) => status < 200) },
  { name: '101 that was asked for, without Connection: upgrade', why: 'the attempt checks the protocol named by Upgrade; Node takes it for an ordinary response', explains: ({ asked, ours, node }) => asked.upgrade === true && ours.outcome === 'switched' && node.outcome === 'complete' && statuses(node).at(-1) === 101 },
]

const weReadOtherwise: readonly Difference[] = weRefuse.filter(({ name }) => name.startsWith('chunked with a tab'))

/** What differs between the two; undefined if nothing does. */
function disagreement(it: Case): readonly Difference[] | undefined {
  const { ours, node } = it
  if (weFailed(ours)) return nodeFailed(node) ? (samePrefix(it) ? undefined : weReadOtherwise) : weRefuse
  if (nodeFailed(node) || ours.outcome !== node.outcome) return weTake
  return sameContent(it) ? undefined : weReadOtherwise
}

/** Both failed: what had been passed on by then is the beginning of the same body. */
function samePrefix({ ours, node }: Case): boolean {
  return ours.body.startsWith(node.body) || node.body.startsWith(ours.body)
}

function sameContent({ ours, node }: Case): boolean {
  const fields = passedOn(node)
  if (fields instanceof MeshError) return false
  const mine = [statuses(ours), ours.heads.at(-1)?.reason, ours.heads.at(-1)?.fields, ours.body, ours.trailers]
  return JSON.stringify(mine) === JSON.stringify([statuses(node), node.heads.at(-1)?.reason, fields, node.body, node.trailers])
}

const batches = 440
const batch = 250
const asks: readonly Asked[] = [{}, {}, {}, { head: true }, { upgrade: true }]

test(`${batches * batch} damaged responses: nothing differs from Node's client but what is meant to`, { timeout: 120_000 }, async () => {
  const random = seeded(16)
  const found = new Map<string, number>()
  const unexplained: string[] = []
  const count = (what: string): void => void found.set(what, (found.get(what) ?? 0) + 1)
  for (let i = 0; i < batches; i++) {
    const made = Array.from({ length: batch }, () => madeUp(random))
    // Behind a complete response Node reads on, into what is nobody's answer: it gets the response alone, and must find it whole.
    const seen = await nodeSees(made.map(({ text, asked, ours }) => ({ bytes: Buffer.from(text.slice(0, ours.outcome === 'complete' ? text.length - ours.rest : text.length), 'latin1'), asked })))
    for (const [at, node] of seen.entries()) judge({ ...(made[at] as Omit<Case, 'node'>), node }, count, unexplained)
  }
  expect(unexplained.slice(0, 10)).toEqual([])
  // A row that nothing falls under says nothing.
  for (const { name } of [...weRefuse, ...weTake]) expect(found.get(name), name).toBeGreaterThan(0)
  expect(found.get('both read the same')).toBeGreaterThan(20_000)
  expect(found.get('both refuse')).toBeGreaterThan(20_000)
  console.log(summary(found))
})

function madeUp(random: (limit: number) => number): Omit<Case, 'node'> {
  const text = damaged(responses[random(responses.length)] as string, random)
  const asked = asks[random(asks.length)] as Asked
  return { text, asked, ours: parse(text, asked) }
}

function judge(it: Case, count: (what: string) => void, unexplained: string[]): void {
  expect(it.node.outcome, JSON.stringify(it)).not.toBe('open')
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
