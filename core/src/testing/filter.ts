// What every filter promises.
import type { Exchange } from '../exchange.ts'
import type { Headers } from '../headers.ts'
import { fieldKind, field, isFieldValue, isToken } from '../fields.ts'
import type { Filter } from '../questions.ts'
import { isReply } from '../reply.ts'
import { endpoint, exchange, type ExchangeParts } from './build.ts'
import { demand, isThenable, promise, register, settle, show, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'
import { runFilter, runTogether, type BodyPhase, type FilterRun, type FilterScript, type HeaderPhase } from './run-filter.ts'
import { watchExchange } from './untouched.ts'

/** What an author says of a filter. */
export interface FilterOptions extends SuiteOptions {
  /** The phases that may answer with a promise. Default none. */
  readonly async?: readonly (HeaderPhase | BodyPhase)[]
  /** More requests to be tried with, such as those that the filter refuses. */
  readonly requests?: readonly ExchangeParts[]
}

type FilterPromise = ConformancePromise<Filter, FilterOptions>

const hints = {
  throws: 'a throw is MESH_FILTER_FAILED: the client sees a 500',
  sync: 'say it with the option `async`, or do without: a promise costs every request a turn of the event loop',
  apart: 'keep what belongs to an exchange in `exchange.state` or a WeakMap, not in the filter',
  field: 'framing, connections and routing are the core\'s: set `request.authority`, not Host, and let it count lengths',
}

/** Each of them can be asked of any filter. */
export const filterPromises: readonly FilterPromise[] = [
  promise('filter/1', 'has a name', {
    async check(make) {
      const { name } = await make()
      demand(typeof name === 'string' && name.trim() !== '' && name.length <= 100, 'a text of up to 100 characters', show(name), 'errors and metrics carry it')
    },
  }),
  promise('filter/2', 'passes or replies, whatever the request', {
    hint: hints.throws,
    async check(make, options) {
      await each(make, options, (run) => {
        for (const { phase, answer } of run.answers) demand(isNothing(answer) || isReply(answer), `nothing or a Reply from ${phase}`, show(answer), 'make it with `reply(status, body, headers)`')
      })
    },
  }),
  promise('filter/3', 'answers at once, except where its author says otherwise', {
    async check(make, options) {
      const demandSync = (run: FilterRun): void => {
        for (const phase of run.promised) demand(options.async?.includes(phase) ?? false, `an answer of ${phase} without a promise`, 'a promise', hints.sync)
      }
      await each(make, options, demandSync)
      await eachBody(make, demandSync)
    },
  }),
  promise('filter/4', 'answers a chunk of a body with nothing or with bytes', {
    hint: '`last` is true exactly once, perhaps with an empty chunk; that may be the only one',
    async check(make) {
      await eachBody(make, (run) => {
        for (const { phase, answer } of run.chunks) {
          const isGood = isNothing(answer) || answer instanceof Uint8Array || (phase === 'onRequestBody' && isReply(answer))
          demand(isGood, `nothing or a Uint8Array from ${phase}`, show(answer), 'an empty array drops the chunk, nothing passes it on')
        }
      })
    },
  }),
  promise('filter/5', 'makes replies that can be sent', {
    async check(make, options) {
      await each(make, options, ({ reply }) => {
        if (reply !== undefined) demandFields(reply.headers, 'the reply', ['content-length'])
      })
    },
  }),
  promise('filter/6', 'leaves a request that can be sent', {
    async check(make, options) {
      await each(make, options, (_run, { request: { method, path, query, authority, headers } }) => {
        demand(isToken(method), 'a method that is a token', show(method))
        demand(/^(\/[^\0-\x20?#\x7f]*|\*)$/.test(path), 'a path that starts with / and has neither spaces nor ? nor #', show(path), 'the query has a property of its own')
        demand(/^[^\0-\x20#\x7f]*$/.test(query), 'a query without spaces and #', show(query), 'encode what is put into it')
        demand(/^[^\0-\x20/?#\x7f]+$/.test(authority), 'an authority: a host, perhaps with a port', show(authority))
        demandFields(headers, 'the request')
      })
    },
  }),
  promise('filter/7', 'leaves a response that can be sent', {
    async check(make, options) {
      await each(make, options, (_run, { response }) => {
        if (response === undefined) return
        demand(Number.isInteger(response.status) && response.status >= 200 && response.status <= 999, 'a status from 200 to 999', show(response.status))
        demandFields(response.headers, 'the response', ['content-length'])
      })
    },
  }),
  promise('filter/8', 'only looks when it is over, however it has ended', {
    hint: 'in `onEnd` there may be no response, no endpoint, and no earlier phase of this filter: an earlier filter may have replied',
    async check(make) {
      for (const end of ends) {
        const filter = await make()
        const one = exchange({ ...end, headers: { 'x-a': '1' } })
        const check = watchExchange(one, 'onEnd')
        const answer: unknown = filter.onEnd?.(one)
        demand(!isThenable(answer), 'nothing from onEnd', 'a promise', 'nobody waits for it: a rejection would go unseen')
        check()
      }
    },
  }),
  promise('filter/9', 'leaves an exchange alone that is over', {
    hint: 'give up in `onEnd` what is still to come: timers, requests of your own',
    async check(make, options) {
      const one = exchange({ endpoint: endpoint() })
      await runFilter(await make(), one)
      const check = watchExchange(one, 'the end')
      await settle(options)
      check()
    },
  }),
  promise('filter/10', 'keeps exchanges apart that are under way together', {
    hint: hints.apart,
    async check(make) {
      const alone: FilterRun[] = []
      for (const [parts, script] of pair) alone.push(await runFilter(await make(), exchange(parts), script))
      const together = await runTogether(await make(), pair.map(([parts, script]) => [exchange(parts), script] as const))
      together.forEach((run, at) => demandAlike(alone[at] as FilterRun, run))
    },
  }),
  promise('filter/11', 'adds no field once more at a further attempt', {
    async check(make) {
      const filter = await make()
      const one = exchange({ endpoint: endpoint(), attempt: 1 })
      await filter.onRequestHeaders?.(one)
      await filter.onAttempt?.(one)
      const before = names(one.request.headers)
      Object.assign(one, { attempt: 2, tried: [one.endpoint] })
      await filter.onAttempt?.(one)
      const repeated = before.filter((name) => times(names(one.request.headers), name) > times(before, name))
      demand(repeated.length === 0, `the fields ${show(before)}`, `${repeated.join(', ')} more often`, 'the fields of the attempt before are still there in onAttempt: `set`, do not `append`')
    },
  }),
  promise('filter/12', 'holds back only bodies that it looks at', {
    async check(make) {
      const filter = await make()
      demandBuffer('bufferRequestBytes', filter.bufferRequestBytes, 'onRequestBody' in filter)
      demandBuffer('bufferResponseBytes', filter.bufferResponseBytes, 'onResponseBody' in filter)
    },
  }),
  promise('filter/13', 'lets those through that are under way when it is retired', {
    hint: 'no further exchange enters it then, but those under way still come through',
    async check(make) {
      for (const [parts, script] of pair) {
        const filter = await make()
        const alone = await runFilter(await make(), exchange(parts), script)
        const retired = await runFilter(filter, exchange(parts), { ...script, entered: () => filter.retire?.() })
        demandAlike(alone, retired, 'if it is retired meanwhile')
      }
    },
  }),
]

/** Registers a test for each of {@link filterPromises}. @param make a new filter at each call */
export function testFilter(make: Make<Filter>, options: FilterOptions = {}): void {
  register(filterPromises, make, options)
}

const requests: readonly ExchangeParts[] = [
  {},
  { path: '/a/b%20c/?q=1&q=2', headers: { accept: '*/*', cookie: ['a=1', 'b=2'], 'x-empty': '' } },
  { path: '/?', authority: '[::1]:8080', scheme: 'https' },
  { method: 'POST', body: 'text', headers: { 'content-type': 'text/plain' } },
  { method: 'HEAD', path: '/file.html' },
  { method: 'OPTIONS', path: '*' },
  { method: 'PURGE', path: `/${'x'.repeat(4_000)}` },
  { path: '/socket', upgrade: 'websocket' },
  { headers: { authorization: 'Bearer x.y.z', origin: 'http://other.example', 'user-agent': '' }, clientAddress: '2001:db8::1' },
]

const statuses = [200, 204, 301, 304, 404, 503]

const ends: readonly ExchangeParts[] = [
  { status: 200 },
  { status: 503, responseHeaders: { 'retry-after': '1' } },
  { error: 'MESH_NO_ENDPOINT' },
  { error: 'MESH_CONNECT_FAILED', attempt: 3 },
  { error: 'MESH_CLIENT_CLOSED' },
  { status: 200, error: 'MESH_UPSTREAM_CLOSED' },
  {},
]

const bodies: readonly (readonly Uint8Array[])[] = [[], [bytes('one')], [bytes('{"a":'), bytes('1'), bytes('}')], [Uint8Array.from({ length: 256 }, (_, value) => value)], [new Uint8Array(65_536)]]

/** Two exchanges that differ in everything that can be told from outside. */
const pair: readonly (readonly [ExchangeParts, FilterScript])[] = [
  [{ path: '/first', headers: { 'x-first': '1' } }, { responseBody: [bytes('first')] }],
  [{ method: 'POST', path: '/second', body: 'second', headers: { 'x-second': '2' } }, { requestBody: [bytes('second')], response: { status: 404 }, responseBody: [bytes('not'), bytes('found')] }],
]

/** Runs every request with a few statuses, and tells what became of each. */
async function each(make: Make<Filter>, { requests: more = [] }: FilterOptions, told: (run: FilterRun, exchange: Exchange) => void): Promise<void> {
  for (const [at, parts] of [...requests, ...more].entries()) {
    for (const status of at === 0 ? statuses : [200]) {
      const one = exchange(parts)
      told(await runFilter(await make(), one, { response: { status, responseHeaders: { 'content-type': 'text/html', 'set-cookie': ['a=1', 'b=2'] } } }), one)
    }
  }
}

async function eachBody(make: Make<Filter>, told: (run: FilterRun) => void): Promise<void> {
  for (const chunks of bodies) told(await runFilter(await make(), exchange({ method: 'POST', body: chunks }), { requestBody: chunks, responseBody: chunks }))
}

function isNothing(answer: unknown): boolean {
  return answer === undefined || answer === null
}

/** Fields that the core puts there itself, and only it. */
const kept: ReadonlySet<number> = new Set([field.host, field.connection, field.contentLength, field.transferEncoding, field.hop, field.upgrade])

function demandFields(headers: Headers, of: string, allowed: readonly string[] = []): void {
  for (const [name, value] of headers) {
    demand(isToken(name), `field names of ${of} that are tokens`, show(name))
    demand(typeof value === 'string' && isFieldValue(value) && !/[^\0-\xff]/.test(value), `a value of ${name} without line ends and characters beyond Latin-1`, show(value), 'encode it; what a client sends may be anything')
    demand(!kept.has(fieldKind(name)) || allowed.includes(name.toLowerCase()), `no field of ${of} that frames or routes it`, `${name}: ${value}`, hints.field)
  }
}

function names(headers: Headers): string[] {
  return [...headers].map(([name]) => name.toLowerCase())
}

function times(all: readonly string[], name: string): number {
  return all.filter((one) => one === name).length
}

/** In all but what may be chance: values are not compared. */
function demandAlike(alone: FilterRun, other: FilterRun, when = 'with another one under way'): void {
  const [expected, happened] = [outside(alone), outside(other)]
  demand(expected === happened, `an exchange that comes out as it does alone: ${expected}`, `${when}: ${happened}`, hints.apart)
}

/** What can be told from outside. */
function outside({ exchange: one, reply, requestBytes, responseBytes }: FilterRun): string {
  const { request, response } = one
  return show({ request: names(request.headers).join(), path: request.path, requestBytes, replied: reply !== undefined, status: response?.status, response: response && names(response.headers).join(), responseBytes })
}

function demandBuffer(name: string, limit: number | undefined, looks: boolean): void {
  if (limit === undefined) return
  demand(Number.isInteger(limit) && limit > 0, `a ${name} that is a whole number of more than 0`, show(limit))
  demand(looks, `a body phase beside ${name}`, 'there is none', 'nobody would look at the body that is held back')
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
