// How a guest fails, and what the host throws into it to end it.

/** Why a VM cannot be used any more. */
export type FailureReason = 'trap' | 'fuel' | 'stack' | 'exit' | 'start' | 'configure' | 'deadline' | 'thread'

/** The VM is dead: no further call into it. */
export class GuestFailure extends Error {
  override readonly name = 'GuestFailure'
  readonly reason: FailureReason

  constructor(reason: FailureReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}

/** Thrown through the guest by `proc_exit`. A guest that catches it is thrown the same again at its next host call. */
export class GuestExit extends Error {
  readonly code: number

  constructor(code: number) {
    super(`the guest ended itself with code ${code}`)
    this.code = code
  }
}

/** Thrown through the guest when a host function has used up its fuel. */
export class OutOfFuel extends Error {
  constructor() {
    super('the guest took more time than it may')
  }
}

/**
 * What was thrown out of a guest, as a failure.
 * @param fuelLeft less than 0 when it had none any more
 * @param budget what is to be said of its fuel then
 */
export function toFailure(thrown: unknown, fuelLeft: number, budget: string): GuestFailure {
  if (thrown instanceof GuestFailure) return thrown
  if (thrown instanceof GuestExit) return new GuestFailure('exit', thrown.message, thrown)
  if (thrown instanceof OutOfFuel || fuelLeft < 0) return new GuestFailure('fuel', budget, thrown)
  if (thrown instanceof RangeError) return new GuestFailure('stack', 'its stack overflowed', thrown)
  return new GuestFailure('trap', thrown instanceof Error ? thrown.message : 'something that is no error was thrown', thrown)
}
