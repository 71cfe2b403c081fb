// What a health check throws when it is sure.

/**
 * The endpoint has said itself that it is not fit. Believed at once: `unhealthyThreshold` is for what may be chance, as a
 * time-out is.
 */
export class Unfit extends Error {
  override readonly name = 'Unfit'
}
