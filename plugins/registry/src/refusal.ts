// Why the registry does not do what it is asked: a code, a status and a sentence for whoever asked.

/** Every code and its HTTP status. */
export const refusals = {
  REGISTRY_BAD_INSTANCE: { status: 400, title: 'The instance is not valid' },
  REGISTRY_BAD_QUERY: { status: 400, title: 'The query is not valid' },
  REGISTRY_TOKEN_NEEDED: { status: 401, title: 'A token is needed to change the registry' },
  REGISTRY_WRITES_OFF: { status: 403, title: 'Nobody may change this registry' },
  REGISTRY_UNKNOWN_INSTANCE: { status: 404, title: 'The registry does not know this instance' },
  REGISTRY_TOO_MANY_WATCHERS: { status: 503, title: 'The registry has no room for another watcher' },
  REGISTRY_STORE_FAILED: { status: 503, title: 'The registry cannot use its file' },
  REGISTRY_FULL: { status: 507, title: 'The registry is full' },
} as const

export type RefusalCode = keyof typeof refusals

/** Thrown to the API, which answers with it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly status: number

  /** @param message for whoever asked: no secrets, no stranger's words */
  constructor(code: RefusalCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.status = refusals[code].status
  }
}
