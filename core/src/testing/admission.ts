// What every admission promises.
import { MeshError } from '../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Admission } from '../questions.ts'
import type { Service } from '../service.ts'
import { endpoints, exchange, outcome, serviceOf, type Outcome } from './build.ts'
import { demand, promise, register, show, type ConformancePromise, type Make, type SuiteOptions } from './conformance.ts'
import { watchExchange } from './untouched.ts'

/** What an author says of an admission. */
export interface AdmissionOptions extends SuiteOptions {
  /** So many may be under way at a time, and one more is refused. Default: not known. */
  readonly limit?: number
  /** Does it refuse by how often it is asked, as a rate limit does, whether or not the earlier ones have ended? Default false. */
  readonly byRate?: boolean
}

type AdmissionPromise = ConformancePromise<Admission, AdmissionOptions>

const hints = {
  leak: 'whatever `admit` counts has to be uncounted in `ended`, however the attempt has ended',
  refusal: 'make it with `new MeshError(code)`; the table of errors has what clients see',
}

const isKnown = ({ limit }: AdmissionOptions): boolean => limit !== undefined
const isByRoom = ({ byRate = false }: AdmissionOptions): boolean => !byRate

/** Each of them can be asked of any admission. */
export const admissionPromises: readonly AdmissionPromise[] = [
  promise('admission/1', 'answers at once: nothing, or an error with a code', {
    hint: 'a throw refuses the attempt with MESH_PLUGIN_FAILED',
    async check(make, options) {
      const admission = await make()
      const service = usual()
      for (let n = 0; n < (options.limit ?? 20) + 2; n++) {
        const refused: unknown = admission.admit(attempt(service))
        demand(refused === undefined || refused instanceof MeshError, 'undefined or a MeshError', show(refused), hints.refusal)
      }
    },
  }),
  promise('admission/2', 'admits the first attempt', {
    async check(make) {
      demandAdmitted((await make()).admit(attempt(usual())), 'the first attempt')
    },
  }),
  promise('admission/3', 'admits again what was admitted and has ended, ten thousand times', {
    applies: isByRoom,
    async check(make) {
      const admission = await make()
      const service = usual()
      for (let n = 0; n < 10_000; n++) {
        const one = attempt(service)
        demandAdmitted(admission.admit(one), `attempt ${n + 1}, when all before it have ended`)
        admission.ended(outcome(one, { status: 200 }))
      }
    },
  }),
  promise('admission/4', 'gives room back however an attempt has ended', {
    applies: (options) => isByRoom(options) && isKnown(options),
    async check(make, { limit = 1 }) {
      for (const end of ends) {
        const admission = await make()
        const service = usual()
        for (let n = 0; n < limit; n++) {
          const one = attempt(service)
          demandAdmitted(admission.admit(one), `attempt ${n + 1} of ${limit}, one after the other`)
          admission.ended(outcome(one, end))
        }
        const one = attempt(service)
        const refused = admission.admit(one)
        demandAdmitted(refused, `another attempt after ${limit} that ended with ${show(end)}`)
      }
    },
  }),
  promise('admission/5', 'gives room back in whatever order attempts end', {
    applies: isByRoom,
    async check(make, { limit = 1 }) {
      const admission = await make()
      const service = usual()
      const many = Math.min(limit, 10)
      for (let round = 0; round < 100; round++) {
        const underWay = Array.from({ length: many }, () => attempt(service))
        for (const one of underWay) demandAdmitted(admission.admit(one), `as many as ${many} at a time, in round ${round + 1}`)
        const order = round % 2 === 0 ? underWay : underWay.toReversed()
        for (const one of order) admission.ended(outcome(one, { status: 200 }))
      }
    },
  }),
  promise('admission/6', 'refuses what is beyond its limit, with a status that clients can see', {
    applies: isKnown,
    async check(make, { limit = 1 }) {
      const { refused } = fill(await make(), usual(), limit)
      demand(refused !== undefined, `a refusal of attempt ${limit + 1}`, 'it is admitted', 'the option `limit` says how many may be under way')
      demand(refused.status >= 400, 'an error with a status from 400', `${refused.code}, which is an error at boot`, hints.refusal)
    },
  }),
  promise('admission/7', 'does not count what it has refused', {
    applies: (options) => isKnown(options) && isByRoom(options),
    async check(make, { limit = 1 }) {
      const admission = await make()
      const service = usual()
      const { underWay } = fill(admission, service, limit)
      for (let n = 0; n < 50; n++) admission.admit(attempt(service))
      admission.ended(outcome(underWay[0] as Exchange, { status: 200 }))
      demandAdmitted(admission.admit(attempt(service)), 'one attempt, when one of those under way has ended', '`ended` is not called for an attempt that was refused')
    },
  }),
  promise('admission/8', 'admits several attempts of one exchange, one after the other', {
    applies: isByRoom,
    async check(make) {
      const admission = await make()
      const one = attempt(usual())
      for (let number = 1; number <= 5; number++) {
        one.attempt = number
        demandAdmitted(admission.admit(one), `attempt ${number} of the exchange`, hints.leak)
        admission.ended(outcome(one, { status: 200 }))
      }
    },
  }),
  promise('admission/9', 'hears of every way an attempt can end', {
    hint: 'without a response there is an error, and without an error a response; a client may be gone before there is either',
    async check(make) {
      for (const end of ends) {
        const admission = await make()
        const one = attempt(usual())
        if (admission.admit(one) === undefined) admission.ended(outcome(one, end))
      }
    },
  }),
  promise('admission/10', 'changes nothing of the exchange', {
    async check(make) {
      const admission = await make()
      const one = attempt(usual())
      const checkAdmit = watchExchange(one, 'admit')
      const refused = admission.admit(one)
      checkAdmit()
      outcome(one, { status: 503 })
      const checkEnded = watchExchange(one, 'ended')
      if (refused === undefined) admission.ended(one)
      checkEnded()
    },
  }),
  promise('admission/11', 'shares no room with another instance', {
    applies: isKnown,
    async check(make, { limit = 1 }) {
      const [full, empty] = [await make(), await make()]
      fill(full, usual(), limit)
      demandAdmitted(empty.admit(attempt(usual())), 'the first attempt of an instance, while another is full', 'one instance per place that names it; share on purpose with `context.shared`')
    },
  }),
]

/** Registers a test for each of {@link admissionPromises} that applies. @param make a new admission at each call */
export function testAdmission(make: Make<Admission>, options: AdmissionOptions = {}): void {
  register(admissionPromises, make, options)
}

const ends: readonly Outcome[] = [{ status: 200 }, { status: 429 }, { status: 503 }, { error: 'MESH_CONNECT_FAILED' }, { error: 'MESH_RESPONSE_HEADERS_TIMEOUT' }, { error: 'MESH_CLIENT_CLOSED' }, { status: 200, error: 'MESH_UPSTREAM_CLOSED' }, {}]

function usual(): Service {
  return serviceOf(endpoints(3))
}

function attempt(service: Service): Exchange {
  const [first] = service.endpoints.all
  return exchange({ service, ...(first !== undefined && { endpoint: first }), headers: { 'x-user': 'one' } })
}

/** Admits as many as there is room for, and one more. */
function fill(admission: Admission, service: Service, limit: number): { underWay: Exchange[]; refused: MeshError | undefined } {
  const underWay = Array.from({ length: limit }, () => attempt(service))
  for (const [at, one] of underWay.entries()) demandAdmitted(admission.admit(one), `attempt ${at + 1} of ${limit} at a time`, 'the option `limit` says how many may be under way')
  return { underWay, refused: admission.admit(attempt(service)) }
}

function demandAdmitted(refused: MeshError | undefined, what: string, hint: string = hints.leak): void {
  demand(refused === undefined, `room for ${what}`, show(refused), hint)
}
