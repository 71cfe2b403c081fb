// Where a function pays for what it does: few places, so that paying is cheap, and none that can be passed by.
import { readInstruction, type Bulk } from './instruction.ts'
import type { Reader } from './reader.ts'
import { RefusedModule } from './refused-module.ts'

/** A place in a function's code where fuel is burned. */
export interface Charge {
  /** Before the instruction at this byte. */
  readonly at: number
  /** In units of about a nanosecond. */
  cost: number
  /** Whether it is looked here if the fuel is used up. Every loop and every function is looked at, so nothing escapes for long. */
  readonly checked: boolean
}

/** An operation that pays by how much it is asked to do. */
export interface BulkCharge {
  readonly at: number
  readonly kind: Bulk
  readonly table: number
}

export interface Charges {
  /** In the order of their places. */
  readonly charges: readonly Charge[]
  readonly bulks: readonly BulkCharge[]
}

/** When a place has as much to pay as that, the next piece of code that can be passed by pays for itself. */
const enough = 32
/** What one function may cost without its loops, so that fuel never wraps around between two looks. */
const most = 0x3fff_ffff

/**
 * Decides where a function pays.
 *
 * The code is cut wherever the flow may part or join. A piece is paid for at the last charge before it that is passed
 * whenever the piece is: a charge of the same scope, or of one around it. A loop begins a charge of its own, as its head is passed once for each turn; a piece
 * behind a branch, or an arm of a condition, is paid for in advance as long as little has come together, and begins a charge
 * of its own after that. So every instruction is paid for at least once each time it runs, and at most a little is paid for nothing.
 *
 * @param reader at the first instruction, ending behind the last `end`
 * @param entry what calling the function costs
 * @source the idea of charging basic blocks: Haas et al., "Bringing the Web up to Speed with WebAssembly" (structured control flow), and gas metering in wasm-instrument
 */
export function chargesOf(reader: Reader, entry: number): Charges {
  const charges: Charge[] = []
  const bulks: BulkCharge[] = []
  const begin = (checked: boolean, cost: number): Charge => {
    const charge = { at: reader.at, cost, checked }
    charges.push(charge)
    return charge
  }
  let current = begin(true, entry)
  let total = entry
  const atCut = (): void => {
    if (current.cost >= enough) current = begin(false, 0)
  }
  // What paid when each open scope was entered: it pays again when the scope is left, however that happens.
  const scopes: Charge[] = [current]
  while (scopes.length > 0) {
    const { at } = reader
    const { flow, cost, table } = readInstruction(reader)
    current.cost += cost
    total += cost
    if (total > most) throw new RefusedModule('a function is too large', at)
    if (flow === 'plain') continue
    switch (flow) {
      case 'open':
        scopes.push(current)
        break
      case 'loop':
        scopes.push(current)
        current = begin(true, 1)
        break
      case 'if':
        scopes.push(current)
        atCut()
        break
      case 'arm':
        current = scopes.at(-1) as Charge
        atCut()
        break
      case 'end':
        current = scopes.pop() as Charge
        if (scopes.length > 0) atCut()
        break
      case 'branch':
        atCut()
        break
      default:
        bulks.push({ at, kind: flow, table })
    }
  }
  if (!reader.done) throw new RefusedModule('a function goes on behind its end', reader.at)
  return { charges, bulks }
}
