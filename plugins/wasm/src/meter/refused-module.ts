// The error for a module that is not let in.

/** A module that cannot be run safely, or not at all. Its message is for the operator. */
export class RefusedModule extends Error {
  override readonly name = 'RefusedModule'
  /** Where in the file; undefined when it is not about one place. */
  readonly offset: number | undefined

  constructor(message: string, offset?: number) {
    super(offset === undefined ? message : `${message}, at byte ${offset} (0x${offset.toString(16)})`)
    this.offset = offset
  }
}
