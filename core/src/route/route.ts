// A route, compiled: what to do with the requests that it matches.
import type { Chain } from '../chain.ts'
import { MeshError } from '../errors.ts'
import type { Request } from '../exchange.ts'
import type { Headers } from '../headers.ts'
import { reply, type Reply } from '../reply.ts'
import type { Service } from '../service.ts'
import type { RouteMatch, RouteSpec, ServiceTimeouts } from '../spec.ts'
import { compileHeaderChanges, compileRedirect, compileRewrite } from './rewrite.ts'
import { compileSplit } from './split.ts'
import { badRoute } from './valid.ts'

/** Where a request goes, and how long it may take there. */
export interface Target {
  readonly service: Service
  readonly timeouts: Required<ServiceTimeouts>
}

/** One match of a {@link RouteSpec}; the matches of one spec share name, chain and targets. */
export class Route {
  readonly name: string
  readonly spec: RouteSpec
  readonly match: RouteMatch
  readonly chain: Chain
  readonly #answer: ((request: Request) => Reply) | undefined
  readonly #targets: ReadonlyMap<string, Target>
  readonly #choose: () => string
  readonly #rewrite: ((request: Request) => void) | undefined
  readonly #changeRequest: ((headers: Headers) => void) | undefined
  readonly #changeResponse: ((headers: Headers) => void) | undefined

  constructor(name: string, spec: RouteSpec, match: RouteMatch, prefix: string | undefined, chain: Chain, services: ReadonlyMap<string, Service>, random: () => number) {
    this.name = name
    this.spec = spec
    this.match = match
    this.chain = chain
    this.#answer = compileAnswer(spec, prefix)
    this.#targets = compileTargets(name, spec, services)
    const split = spec.to === undefined ? undefined : compileSplit(spec.to)
    this.#choose = () => split?.(random) ?? ''
    this.#rewrite = spec.rewrite === undefined ? undefined : compileRewrite(spec.rewrite, prefix)
    this.#changeRequest = compileHeaderChanges(spec.requestHeaders, 'requestHeaders')
    this.#changeResponse = compileHeaderChanges(spec.responseHeaders, 'responseHeaders')
  }

  /** The services it may send to. */
  get services(): readonly string[] {
    return [...this.#targets.keys()]
  }

  /** The reply of a route that answers by itself. */
  reply(request: Request): Reply | undefined {
    return this.#answer?.(request)
  }

  /** Chooses a service by weight. Only for routes without a reply. */
  target(): Target {
    return this.#targets.get(this.#choose()) as Target
  }

  /** Changes the request to what the service is to see. */
  rewrite(request: Request): void {
    this.#rewrite?.(request)
    this.#changeRequest?.(request.headers)
  }

  changeResponse(headers: Headers): void {
    this.#changeResponse?.(headers)
  }
}

function compileAnswer(spec: RouteSpec, prefix: string | undefined): ((request: Request) => Reply) | undefined {
  const kinds = [spec.to, spec.redirect, spec.reply].filter((kind) => kind !== undefined).length
  if (kinds !== 1) throw badRoute('route', 'needs exactly one of "to", "redirect" and "reply"')
  if (spec.redirect !== undefined) return compileRedirect(spec.redirect, prefix)
  if (spec.reply === undefined) return undefined
  const { status, body, headers } = spec.reply
  try {
    const fixed = reply(status, body, headers)
    return () => fixed
  } catch (cause) {
    throw badRoute('reply.status', `${status} is not a status from 200 to 599`, cause)
  }
}

function compileTargets(name: string, spec: RouteSpec, services: ReadonlyMap<string, Service>): Map<string, Target> {
  const targets = new Map<string, Target>()
  const names = spec.to === undefined ? [] : typeof spec.to === 'string' ? [spec.to] : spec.to.map((weighted) => weighted.service)
  for (const wanted of names) {
    const service = services.get(wanted)
    if (service === undefined) throw unknownService(name, wanted, [...services.keys()])
    targets.set(wanted, { service, timeouts: { ...service.timeouts, ...spec.timeout } })
  }
  return targets
}

function unknownService(route: string, wanted: string, known: readonly string[]): MeshError {
  return new MeshError('MESH_UNKNOWN_SERVICE', `route "${route}" goes to "${wanted}"; there are ${known.join(', ') || 'no services'}`)
}
