// What a conformance suite is: promises as data, each of which can be asked of an answer, and the error of a promise that was not kept.
import { inspect } from 'node:util'
import { setTimeout as wait } from 'node:timers/promises'
import { Endpoint } from '../endpoint.ts'
import type { Awaitable } from '../questions.ts'

/** Makes one answer, as fresh as a mesh would get it. Called once or more by every promise. */
export type Make<T> = () => Awaitable<T>

/** Registers one test with a runner. What vitest, node:test, Mocha and Jest call `test` or `it` will do. */
export type RegisterTest = (name: string, run: () => Promise<void>) => unknown

/** What every suite takes. */
export interface SuiteOptions {
  /** The runner's `test`. Default: `globalThis.test`, else that of node:test. */
  readonly test?: RegisterTest
  /** How long one promise may take. Milliseconds; default 5000. */
  readonly patienceMs?: number
  /** How long a suite listens for what must not happen. Milliseconds; default 100. */
  readonly settleMs?: number
}

/** Something that every answer to a question keeps. */
export interface ConformancePromise<T, O extends SuiteOptions = SuiteOptions> {
  /** Kind and number, as in `balancer/3`. Keeps its meaning for as long as it exists. */
  readonly id: string
  /** A statement in the present tense. */
  readonly title: string
  /** Is it asked of an answer whose author gives these options? */
  applies(options: O): boolean
  /** Rejects with a {@link BrokenPromise} if it is not kept. */
  check(make: Make<T>, options: O): Promise<void>
}

/** A promise that was not kept; its message says which, what was expected, what happened and what to look at. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
  readonly id: string

  constructor(id: string, title: string, { expected, happened, hint, cause }: Finding) {
    const lines = [`${id} ${title}`, `  expected: ${expected}`, `  happened: ${happened}`, ...(hint === undefined ? [] : [`  hint: ${hint}`])]
    super(lines.join('\n'), cause === undefined ? undefined : { cause })
    this.id = id
  }
}

/** What a check has found, before it is known which promise it is about. */
class Finding extends Error {
  readonly expected: string
  readonly happened: string
  readonly hint: string | undefined

  constructor(expected: string, happened: string, hint?: string, cause?: unknown) {
    super(happened, cause === undefined ? undefined : { cause })
    this.expected = expected
    this.happened = happened
    this.hint = hint
  }
}

/** What differs from one promise to another. */
interface PromiseParts<T, O> {
  readonly check: (make: Make<T>, options: O) => Awaitable<void>
  /** Default: it is asked of everybody. */
  readonly applies?: (options: O) => boolean
  /** Told of a promise that was broken by something else than a demand: by an exception, or by time. */
  readonly hint?: string
}

/** Makes a promise. Whatever its check throws becomes a {@link BrokenPromise}. */
export function promise<T, O extends SuiteOptions>(id: string, title: string, parts: PromiseParts<T, O>): ConformancePromise<T, O> {
  return {
    id,
    title,
    applies: parts.applies ?? (() => true),
    async check(make, options) {
      try {
        await inTime(async () => parts.check(make, options), options.patienceMs ?? 5_000)
      } catch (thrown) {
        throw new BrokenPromise(id, title, thrown instanceof Finding ? thrown : thrownBy(thrown, parts.hint))
      }
    },
  }
}

/** Ends the check unless it holds. @param expected and `happened` complete the sentences "expected: …" and "happened: …" */
export function demand(holds: boolean, expected: string, happened: string, hint?: string): asserts holds {
  if (!holds) throw new Finding(expected, happened, hint)
}

/** Registers every promise that applies as a test of its own. */
export function register<T, O extends SuiteOptions>(promises: readonly ConformancePromise<T, O>[], make: Make<T>, options: O): void {
  const test = options.test ?? testOfRunner()
  for (const one of promises) if (one.applies(options)) test(`${one.id} ${one.title}`, async () => one.check(make, options))
}

/** A value as a reader of test output wants to see it: on one line, and not for ever. */
export function show(value: unknown): string {
  if (value instanceof Endpoint) return `endpoint ${value.id}`
  if (value instanceof Error) return `${value.name}: ${value.message}`
  const text = inspect(value, { depth: 2, breakLength: Infinity, maxArrayLength: 8, maxStringLength: 120 })
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`
}

/** What somebody asked for but does not have to await. */
export function isThenable(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

/** Lets the world go on for as long as the author says that it takes to settle. */
export async function settle({ settleMs = 100 }: SuiteOptions): Promise<void> {
  await wait(settleMs)
}

async function inTime(run: () => Promise<void>, ms: number): Promise<void> {
  const done = new AbortController()
  const late = wait(ms, undefined, { signal: done.signal }).then(() => {
    throw new Finding(`an end within ${ms} ms`, 'it is still under way', 'something that was waited for never came; `patienceMs` gives it more time')
  })
  try {
    await Promise.race([run(), late])
  } finally {
    done.abort()
    late.catch(() => {})
  }
}

function thrownBy(thrown: unknown, hint: string | undefined): Finding {
  return new Finding('no exception', `it threw ${show(thrown)}`, hint, thrown)
}

function testOfRunner(): RegisterTest {
  const { test } = globalThis as { test?: RegisterTest }
  if (typeof test === 'function') return test
  if (process.env['VITEST'] !== undefined) throw new Error("vitest keeps its functions to itself: import { test } from 'vitest' and give it as the option `test`")
  // Loaded here, not at the top: it starts to run and report as soon as it is there.
  return process.getBuiltinModule('node:test').test as RegisterTest
}
