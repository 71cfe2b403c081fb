// What filters in a thread of their own have in common, whatever passes through them: where they live, and when they leave.
import { MeshError } from '@meshwright/core/thread'
import type { Surroundings } from '../host/surroundings.ts'
import type { WasmEvents } from '../wasm.ts'
import type { Home, Resident } from './home.ts'
import type { IsolatedStream } from './isolated-stream.ts'
import type { FilterStart, PhaseCall } from './messages.ts'

export interface IsolatedParts {
  readonly start: FilterStart
  readonly exports: ReadonlySet<string>
  readonly surroundings: Surroundings
  readonly events: WasmEvents
  /** Where it lives, and where it comes to when something arrives late, after it had left. */
  readonly move: (resident: Resident) => Home
}

export abstract class IsolatedGuest implements Resident {
  readonly name: string
  readonly start: FilterStart
  readonly surroundings: Surroundings
  readonly events: WasmEvents
  /** What fails with it; undefined: everything goes on without it. */
  protected readonly streamError: MeshError | undefined
  /** Its guest has failed, and no other has taken its place. */
  protected dead = false
  readonly #move: (resident: Resident) => Home
  #home: Home | undefined
  /** Streams that it knows of. */
  #streams = 0
  #retired = false

  constructor({ start, surroundings, events, move }: IsolatedParts) {
    this.name = start.settings.name
    this.start = start
    this.surroundings = surroundings
    this.events = {
      ...events,
      failed: (failure) => {
        this.dead = true
        events.failed(failure)
      },
      reloaded: () => {
        this.dead = false
        events.reloaded()
      },
    }
    this.streamError = start.onFailure === 'open' ? undefined : new MeshError('MESH_WASM_FAILED', `filter "${this.name}"`)
    this.#move = move
    this.#home = move(this)
  }

  retire(): void {
    this.#retired = true
    this.#leaveIfOver()
  }

  protected get home(): Home {
    return (this.#home ??= this.#move(this))
  }

  protected opened(): void {
    this.#streams++
  }

  /** Its end crosses, and nobody waits for it any more. */
  protected ended(stream: IsolatedStream, call: () => PhaseCall): void {
    if (!stream.lost) {
      this.home.cross(stream, call())
      this.home.forget(stream)
    }
    stream.forget()
    this.#streams--
    this.#leaveIfOver()
  }

  #leaveIfOver(): void {
    if (!this.#retired || this.#streams > 0) return
    this.#home?.leave(this)
    this.#home = undefined
  }
}
