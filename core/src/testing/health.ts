// What every health check promises.
import type { Endpoint } from '../endpoint.ts'
import { fullSchedule } from '../health-schedule.ts'
import type { HealthCheck } from '../questions.ts'
import { demand, isThenable, promise, register, show, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'
import { answering, refusing, silent, TestServer, type OnConnection } from './servers.ts'
import { watchEndpoints } from './untouched.ts'

/** What an author says of a health check. */
export interface HealthOptions extends SuiteOptions {
  /** What an endpoint that is well does with a connection. Default: answers HTTP requests with 200. */
  readonly well?: OnConnection
  /** What an endpoint does that says it is not. Default: not known; for a check over HTTP `answering(503)`. */
  readonly ill?: OnConnection
  /** Is a connection enough to be fit, with nothing said on it? Default false. */
  readonly connectionIsEnough?: boolean
}

type HealthPromise = ConformancePromise<HealthCheck, HealthOptions>

const hints = {
  signal: 'give the signal to whatever opens the connection: the core gives up on a check that takes too long, and goes on at once',
  forget: 'a connection that is kept for the next check is closed in `forget`',
}

const asks = ({ connectionIsEnough = false }: HealthOptions): boolean => !connectionIsEnough

/** Each of them can be asked of any health check. */
export const healthPromises: readonly HealthPromise[] = [
  promise('health/1', 'resolves for an endpoint that is well', {
    async check(make, options) {
      await using server = await TestServer.start(wellOf(options))
      const check = await make()
      demandFit(await ask(check, server.endpoint))
      check.forget?.(server.endpoint)
    },
  }),
  promise('health/2', 'answers with a promise, whatever happens', {
    hint: 'an `async` function never throws: it rejects',
    async check(make) {
      const [check, endpoint] = [await make(), await refusing()]
      const answer: unknown = check.check(endpoint, new AbortController().signal)
      demand(isThenable(answer), 'a promise', show(answer))
      await (answer as Promise<void>).catch(() => {})
      check.forget?.(endpoint)
    },
  }),
  promise('health/3', 'rejects with a reason for an endpoint that refuses the connection', {
    async check(make) {
      const [check, endpoint] = [await make(), await refusing()]
      demandUnfit(await ask(check, endpoint), 'nobody listens there')
      check.forget?.(endpoint)
    },
  }),
  promise('health/4', 'rejects for an endpoint that closes the connection without a word', {
    applies: asks,
    async check(make) {
      await using server = await TestServer.start((socket) => socket.end())
      const check = await make()
      demandUnfit(await ask(check, server.endpoint), 'the connection ended before there was an answer')
      check.forget?.(server.endpoint)
    },
  }),
  promise('health/5', 'rejects with a reason for an endpoint that says it is not well', {
    applies: ({ ill }) => ill !== undefined,
    async check(make, { ill = silent() }) {
      await using server = await TestServer.start(ill)
      const check = await make()
      demandUnfit(await ask(check, server.endpoint), 'it says so itself')
      check.forget?.(server.endpoint)
    },
  }),
  promise('health/6', 'gives up on an endpoint that says nothing when the signal aborts', {
    applies: asks,
    hint: hints.signal,
    async check(make) {
      await using server = await TestServer.start(silent())
      const check = await make()
      const answer = await givenUp(check, server)
      demandUnfit(await answer(), 'the time was over')
      check.forget?.(server.endpoint)
    },
  }),
  promise('health/7', 'closes the connection of a check that was given up', {
    applies: asks,
    hint: hints.signal,
    async check(make) {
      await using server = await TestServer.start(silent())
      const check = await make()
      const answer = await givenUp(check, server)
      await Promise.all([server.until((connections) => connections === 0), answer()])
      check.forget?.(server.endpoint)
    },
  }),
  promise('health/8', 'does not begin when the signal has aborted already', {
    hint: hints.signal,
    async check(make, options) {
      await using server = await TestServer.start(wellOf(options))
      const check = await make()
      demandUnfit(await ask(check, server.endpoint, AbortSignal.abort(new Error('nobody wants to know'))), 'the signal had aborted before')
      check.forget?.(server.endpoint)
    },
  }),
  promise('health/9', 'leaves no connection behind when the endpoint is forgotten', {
    hint: hints.forget,
    async check(make, options) {
      await using server = await TestServer.start(wellOf(options))
      const check = await make()
      for (let n = 0; n < 3; n++) demandFit(await ask(check, server.endpoint))
      check.forget?.(server.endpoint)
      await server.until((connections) => connections === 0)
    },
  }),
  promise('health/10', 'keeps no more than one connection for the next check', {
    hint: 'close the connection, or use it again',
    async check(make, options) {
      await using server = await TestServer.start(wellOf(options))
      const check = await make()
      for (let n = 0; n < 5; n++) demandFit(await ask(check, server.endpoint))
      await server.until((connections) => connections <= 1)
      check.forget?.(server.endpoint)
    },
  }),
  promise('health/11', 'asks anew each time', {
    hint: 'a kept connection that has broken says nothing about the next one',
    async check(make, options) {
      const check = await make()
      const server = await TestServer.start(wellOf(options))
      const { endpoint } = server
      demandFit(await ask(check, endpoint))
      await server.close()
      demandUnfit(await ask(check, endpoint), 'it was stopped after the first check')
      await using _back = await TestServer.start(wellOf(options), endpoint.port)
      demandFit(await ask(check, endpoint))
      check.forget?.(endpoint)
    },
  }),
  promise('health/12', 'checks several endpoints at a time without mistaking one for another', {
    async check(make, options) {
      await using a = await TestServer.start(wellOf(options))
      await using b = await TestServer.start(wellOf(options))
      const [check, gone] = [await make(), await refusing()]
      const answers = await Promise.all([a.endpoint, gone, b.endpoint, gone].map(async (endpoint) => ask(check, endpoint)))
      answers.forEach((answer, at) => (at % 2 === 0 ? demandFit(answer) : demandUnfit(answer, 'nobody listens there')))
      for (const endpoint of [a.endpoint, b.endpoint, gone]) check.forget?.(endpoint)
    },
  }),
  promise('health/13', 'only looks at the endpoint', {
    async check(make, options) {
      await using server = await TestServer.start(wellOf(options))
      const [check, gone] = [await make(), await refusing()]
      const unchanged = watchEndpoints([server.endpoint, gone], 'check')
      await ask(check, server.endpoint)
      await ask(check, gone)
      unchanged()
      for (const endpoint of [server.endpoint, gone]) check.forget?.(endpoint)
    },
  }),
  promise('health/14', 'has a schedule that can be kept', {
    hint: 'see HealthSchedule for what each number may be',
    async check(make) {
      fullSchedule(await make())
    },
  }),
]

/** Registers a test for each of {@link healthPromises} that applies. @param make a new check at each call */
export function testHealthCheck(make: Make<HealthCheck>, options: HealthOptions = {}): void {
  register(healthPromises, make, options)
}

/** What a check has answered: nothing, or why not. */
type Answer = { readonly thrown: unknown } | undefined

function wellOf({ well = answering(200) }: HealthOptions): OnConnection {
  return well
}

async function ask(check: HealthCheck, endpoint: Endpoint, signal: AbortSignal = new AbortController().signal): Promise<Answer> {
  try {
    await check.check(endpoint, signal)
    return undefined
  } catch (thrown) {
    return { thrown }
  }
}

/** Begins a check of a server that says nothing, and aborts it once it has a connection; answers what to await for the answer. */
async function givenUp(check: HealthCheck, server: TestServer): Promise<() => Promise<Answer>> {
  const time = new AbortController()
  const answer = ask(check, server.endpoint, time.signal)
  await server.until((connections) => connections > 0)
  time.abort(new Error('no answer in time'))
  return async () => answer
}

function demandFit(answer: Answer): void {
  demand(answer === undefined, 'that it resolves: the endpoint is well', `it rejects with ${show(answer?.thrown)}`, 'the option `well` says what an endpoint does that is well')
}

function demandUnfit(answer: Answer, because: string): void {
  demand(answer !== undefined, `that it rejects: ${because}`, 'it resolves')
  const { thrown } = answer
  demand(thrown instanceof Error && thrown.message !== '', 'an Error with a message, for people', show(thrown), 'operators see it as the reason of the endpoint')
}
