// Damages requests without end and watches the parser for throws, hangs, growth, and for answers that depend on the cuts.
//
//   node --conditions=mw-source core/src/listener/request-parser.fuzz.ts [seconds, default 10] [seed, default random]
//
// Prints executions and what they ended in. On a finding, prints the input as JSON, with the seed, and exits with 1.
import { seeded } from '../transport/http1/responses.test.kit.ts'
import { Recording, type Recorded } from './recording.test.kit.ts'
import { damaged, requests } from './requests.test.kit.ts'

const seconds = Number(process.argv[2] ?? 10)
const seed = Number(process.argv[3] ?? Date.now() % 2 ** 31)

const headBytes = 4_096
const maxInputBytes = 16_384
const maxCorpus = 2_000
/** Longer than any input takes, with its hundreds of requests, unless the machine is busy: then a second look is quicker. */
const slowMs = 500
const growthBytes = 96 * 2 ** 20

const random = seeded(seed)
const corpus: string[] = [...requests]
const shapes = new Set<string>()
const outcomes = new Map<string, number>()

function input(): string {
  const from = corpus[random(corpus.length)] as string
  const text = random(40) === 0 ? noise() : damaged(from, random)
  // Long inputs come from doubling a part many times.
  if (random(50) !== 0 || text.length === 0) return text.slice(0, maxInputBytes)
  const at = random(text.length)
  const part = text.slice(at, at + 1 + random(40))
  return (text.slice(0, at) + part.repeat(1 + random(2_000)) + text.slice(at)).slice(0, maxInputBytes)
}

function noise(): string {
  return Buffer.from(Array.from({ length: random(200) }, () => random(256))).toString('latin1')
}

function cuts(length: number): number[] {
  if (length > 0 && length < 600 && random(16) === 0) return Array.from({ length: length - 1 }, (_, i) => i + 1)
  return Array.from({ length: random(6) }, () => random(length + 1)).sort((a, b) => a - b)
}

function feed(bytes: Buffer, places: readonly number[]): Recorded {
  const into = new Recording(headBytes)
  let from = 0
  for (const place of [...places, bytes.length]) {
    if (place > from) into.push(bytes.subarray(from, place))
    from = place
  }
  into.end()
  return into.recorded
}

/** What must be the same whatever the cuts: of two breaches in one section either may be told. */
function essence({ requests: read, outcome }: Recorded): string {
  return JSON.stringify([read, outcome.startsWith('MESH_') ? 'refused' : outcome])
}

function problemOf(text: string, places: readonly number[]): string | undefined {
  const bytes = Buffer.from(text, 'latin1')
  const startedMs = performance.now()
  let whole: Recorded
  let pieces: Recorded
  try {
    whole = feed(bytes, [])
    pieces = feed(bytes, places)
  } catch (thrown) {
    return `threw ${String(thrown)}`
  }
  if (performance.now() - startedMs > slowMs) return 'slow'
  if (whole.outcome === 'open') return 'never ended'
  if (whole.calls > bytes.length) return 'more events than bytes'
  if (whole.requests.reduce((sum, { body }) => sum + body.length, 0) > bytes.length) return 'more body than bytes'
  if (essence(whole) !== essence(pieces)) return `cuts matter: ${essence(whole)} and ${essence(pieces)}`
  learn(text, whole)
  return undefined
}

/** Keeps inputs that end in a way not seen before. */
function learn(text: string, { outcome, requests: read, calls }: Recorded): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  const shape = `${outcome} ${read.slice(0, 8).map((one) => `${one.method.length},${one.fields.length},${Math.min(one.body.length, 9)},${one.trailers?.length ?? 0}`).join(' ')} ${Math.min(calls, 20)}`
  if (shapes.size >= 50_000 || shapes.has(shape)) return
  shapes.add(shape)
  if (text.length > 2_048) return
  if (corpus.length < maxCorpus) corpus.push(text)
  else corpus[requests.length + random(maxCorpus - requests.length)] = text
}

function found(problem: string, text: string, places: readonly number[]): never {
  process.stderr.write(`${JSON.stringify({ problem, seed, text, places })}\n`)
  process.exit(1)
}

/** After a garbage collection, if node was started with --expose-gc. */
function usedBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function fuzz(): void {
  const endMs = performance.now() + seconds * 1_000
  const warmMs = performance.now() + Math.min(seconds * 200, 10_000)
  let baseBytes = 0
  let executions = 0
  let mostBytes = 0
  while (performance.now() < endMs) {
    for (let i = 0; i < 1_000; i++) one()
    executions += 1_000
    if (executions % 100_000 !== 0 || performance.now() < warmMs) continue
    const bytes = usedBytes()
    if (baseBytes === 0) baseBytes = bytes
    mostBytes = Math.max(mostBytes, bytes - baseBytes)
    if (mostBytes > growthBytes) found(`grew by ${mostBytes} bytes`, '', [])
  }
  process.stdout.write(`${JSON.stringify({ seed, seconds, executions, grewMiB: Math.round((mostBytes / 2 ** 20) * 10) / 10, corpus: corpus.length, shapes: shapes.size, outcomes: Object.fromEntries(outcomes) })}\n`)
}

function one(): void {
  const text = input()
  const places = cuts(text.length)
  let problem = problemOf(text, places)
  for (let tries = 0; problem === 'slow' && tries < 3; tries++) problem = problemOf(text, places)
  if (problem !== undefined) found(problem, text, places)
}

fuzz()
