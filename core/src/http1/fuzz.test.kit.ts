// Damages messages without end and watches a parser for throws, hangs, growth, and for answers that depend on the cuts.
//
// A script that calls `fuzz` takes seconds (default 10) and a seed (default random). It prints executions and what they ended in. On
// a finding it prints the input as JSON, with the seed, and exits with 1.
import { seeded } from './damage.test.kit.ts'

type Random = (limit: number) => number

/** What a parser made of an input. */
export interface Reading {
  readonly outcome: string
  /** What must be the same whatever the cuts: of two breaches in one section either may be told. */
  readonly essence: string
  /** Inputs that give one not seen before are kept and damaged further. */
  readonly shape: string
  /** Undefined: nothing is wrong with it. */
  readonly problem: string | undefined
}

export interface Fuzzed {
  readonly seeds: readonly string[]
  damaged(message: string, random: Random): string
  /**
   * Reads an input that comes in pieces, cut at these places.
   * @param choice 0 to 7, for what else may differ from one input to the next
   * @param again the same input once more, in pieces: now with a parser that has read others before, if there are such
   */
  read(bytes: Buffer, places: readonly number[], choice: number, again: boolean): Reading
  /** Longer than any input takes, unless the machine is busy: then a second look is quicker. */
  readonly slowMs: number
}

const maxInputBytes = 16_384
const maxCorpus = 2_000
const growthBytes = 96 * 2 ** 20

export function fuzz(fuzzed: Fuzzed): void {
  const seconds = Number(process.argv[2] ?? 10)
  const run = new Run(fuzzed, Number(process.argv[3] ?? Date.now() % 2 ** 31))
  const endMs = performance.now() + seconds * 1_000
  const warmMs = performance.now() + Math.min(seconds * 200, 10_000)
  let baseBytes = 0
  let executions = 0
  let mostBytes = 0
  while (performance.now() < endMs) {
    for (let i = 0; i < 1_000; i++) run.one()
    executions += 1_000
    if (executions % 100_000 !== 0 || performance.now() < warmMs) continue
    const bytes = usedBytes()
    if (baseBytes === 0) baseBytes = bytes
    mostBytes = Math.max(mostBytes, bytes - baseBytes)
    if (mostBytes > growthBytes) run.found(`grew by ${mostBytes} bytes`)
  }
  process.stdout.write(`${JSON.stringify({ seconds, executions, grewMiB: Math.round((mostBytes / 2 ** 20) * 10) / 10, ...run.summary() })}\n`)
}

class Run {
  readonly #fuzzed: Fuzzed
  readonly #seed: number
  readonly #random: Random
  readonly #corpus: string[]
  readonly #shapes = new Set<string>()
  readonly #outcomes = new Map<string, number>()

  constructor(fuzzed: Fuzzed, seed: number) {
    this.#fuzzed = fuzzed
    this.#seed = seed
    this.#random = seeded(seed)
    this.#corpus = [...fuzzed.seeds]
  }

  one(): void {
    const text = this.#input()
    const choice = this.#random(8)
    const places = this.#cuts(text.length)
    let problem = this.#problemOf(text, choice, places)
    for (let tries = 0; problem === 'slow' && tries < 3; tries++) problem = this.#problemOf(text, choice, places)
    if (problem !== undefined) this.found(problem, { text, choice, places })
  }

  found(problem: string, input: object = {}): never {
    process.stderr.write(`${JSON.stringify({ problem, seed: this.#seed, ...input })}\n`)
    process.exit(1)
  }

  summary(): object {
    return { seed: this.#seed, corpus: this.#corpus.length, shapes: this.#shapes.size, outcomes: Object.fromEntries(this.#outcomes) }
  }

  #input(): string {
    const random = this.#random
    const from = this.#corpus[random(this.#corpus.length)] as string
    const text = random(40) === 0 ? this.#noise() : this.#fuzzed.damaged(from, random)
    // Long inputs come from doubling a part many times.
    if (random(50) !== 0 || text.length === 0) return text.slice(0, maxInputBytes)
    const at = random(text.length)
    const part = text.slice(at, at + 1 + random(40))
    return (text.slice(0, at) + part.repeat(1 + random(2_000)) + text.slice(at)).slice(0, maxInputBytes)
  }

  #noise(): string {
    return Buffer.from(Array.from({ length: this.#random(200) }, () => this.#random(256))).toString('latin1')
  }

  #cuts(length: number): number[] {
    const random = this.#random
    if (length > 0 && length < 600 && random(16) === 0) return Array.from({ length: length - 1 }, (_, i) => i + 1)
    return Array.from({ length: random(6) }, () => random(length + 1)).sort((a, b) => a - b)
  }

  #problemOf(text: string, choice: number, places: readonly number[]): string | undefined {
    const bytes = Buffer.from(text, 'latin1')
    const startedMs = performance.now()
    let whole: Reading
    let pieces: Reading
    try {
      whole = this.#fuzzed.read(bytes, [], choice, false)
      pieces = this.#fuzzed.read(bytes, places, choice, true)
    } catch (thrown) {
      return `threw ${String(thrown)}`
    }
    if (performance.now() - startedMs > this.#fuzzed.slowMs) return 'slow'
    if (whole.problem !== undefined) return whole.problem
    if (whole.essence !== pieces.essence) return `cuts or an earlier message matter: ${whole.essence} and ${pieces.essence}`
    this.#learn(text, whole)
    return undefined
  }

  /** Keeps inputs that end in a way not seen before. */
  #learn(text: string, { outcome, shape }: Reading): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1)
    if (this.#shapes.size >= 50_000 || this.#shapes.has(shape)) return
    this.#shapes.add(shape)
    if (text.length > 2_048) return
    const { length } = this.#fuzzed.seeds
    if (this.#corpus.length < maxCorpus) this.#corpus.push(text)
    else this.#corpus[length + this.#random(maxCorpus - length)] = text
  }
}

/** Feeds a parser with pieces. */
export function inPieces(bytes: Buffer, places: readonly number[], push: (piece: Buffer) => void): void {
  let from = 0
  for (const place of [...places, bytes.length]) {
    if (place > from) push(bytes.subarray(from, place))
    from = place
  }
}

/** After a garbage collection, if node was started with --expose-gc. */
function usedBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
