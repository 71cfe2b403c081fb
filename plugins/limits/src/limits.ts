// Is there room? As many attempts at a time as the options say; what is beyond that is refused at once.
import { MeshError, type Admission, type Counter, type Exchange } from '@meshwright/core'

/** All numbers are per service and data-plane thread. */
export interface LimitsOptions {
  /** Attempts under way at a time. 0..1000000; default 1024; 0: no limit. */
  readonly requests?: number
  /** Further attempts at a time, those included that wait for their turn. 1..1000000; default: no limit. */
  readonly retries?: number
  /** Attempts under way on one endpoint. 1..1000000; default: no limit. */
  readonly endpointRequests?: number
}

/** Which limit was reached. */
export type LimitName = 'requests' | 'retries' | 'endpointRequests'

/** What limits are given by whoever runs them. */
export interface LimitsParts {
  /** Count refused attempts. */
  readonly refused?: Readonly<Record<LimitName, Counter>>
}

/**
 * Refuses with MESH_OVERFLOW what is beyond a limit; of further attempts it refuses the making, and the failure goes to the client. Nothing is counted here: the core's own numbers of the service and the
 * endpoint are compared, so one instance may serve many services.
 * @throws RangeError when an option is out of range
 */
export function limits(options: LimitsOptions = {}, parts: LimitsParts = {}): Admission {
  return new Limits(options, parts)
}

class Limits implements Admission {
  readonly #requests: number
  readonly #retries: number
  readonly #endpointRequests: number
  readonly #refused: LimitsParts['refused']
  // hot: an error for each refusal would cost its stack trace, some 3 µs when the service has no room as it is (bench limits)
  readonly #errors: Readonly<Record<Exclude<LimitName, 'retries'>, MeshError>>

  constructor({ requests = 1024, retries = Infinity, endpointRequests = Infinity }: LimitsOptions, { refused }: LimitsParts) {
    this.#requests = requests === 0 ? Infinity : checked('requests', requests)
    this.#retries = checked('retries', retries)
    this.#endpointRequests = checked('endpointRequests', endpointRequests)
    this.#refused = refused
    this.#errors = {
      requests: new MeshError('MESH_OVERFLOW', `limits.requests is ${requests}`),
      endpointRequests: new MeshError('MESH_OVERFLOW', `limits.endpointRequests is ${endpointRequests}`),
    }
  }

  admit({ service, endpoint }: Exchange): MeshError | undefined {
    if (service === undefined || endpoint === undefined) return undefined
    if (service.active >= this.#requests) return this.#refuse('requests')
    if (endpoint.inFlight >= this.#endpointRequests) return this.#refuse('endpointRequests')
    return undefined
  }

  ended(): void {}

  mayRetry({ service, attempt }: Exchange): boolean {
    // The attempt that has failed is among them if it was a further one itself.
    if (service === undefined || service.retrying - (attempt > 1 ? 1 : 0) < this.#retries) return true
    this.#refused?.retries.inc()
    return false
  }

  #refuse(limit: Exclude<LimitName, 'retries'>): MeshError {
    this.#refused?.[limit].inc()
    return this.#errors[limit]
  }
}

function checked(name: LimitName, value: number): number {
  if (value !== Infinity && (!Number.isInteger(value) || value < 1 || value > 1_000_000)) throw new RangeError(`${name} is a whole number from 1 to 1000000, not ${value}`)
  return value
}
