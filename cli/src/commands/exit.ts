// How a command ends: 0 all is well, 1 something is wrong, 2 it was asked wrongly.

/** Ends the command with a message instead of a stack. */
export class CommandFailure extends Error {
  readonly exitCode: 1 | 2

  constructor(exitCode: 1 | 2, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

/** It was asked wrongly. */
export function usage(message: string): CommandFailure {
  return new CommandFailure(2, message)
}

/** Something is wrong that the message explains. */
export function failure(message: string): CommandFailure {
  return new CommandFailure(1, message)
}
