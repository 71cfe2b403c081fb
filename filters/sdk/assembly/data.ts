// The bytes of one side of a connection that a filter sees, and may change before they go on.
import { Body } from './body'

export class Data extends Body {
  /** Removes so many bytes from the beginning; all of them if there are fewer. @returns whether the host has taken it */
  drain(count: u32): bool {
    return this.write(0, count, new Uint8Array(0))
  }
}
