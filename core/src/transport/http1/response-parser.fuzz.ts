// Fuzzes the parser of responses: `node --conditions=mw-source core/src/transport/http1/response-parser.fuzz.ts [seconds] [seed]`.
import { fuzz, inPieces, type Reading } from '../../http1/fuzz.test.kit.ts'
import { Recording, type Asked, type Recorded } from './recording.test.kit.ts'
import { damaged, responses } from './responses.test.kit.ts'

const headBytes = 4_096
/** Used for one response after the other, as on a connection that is kept alive. */
const kept = new Recording({ headBytes })

function again({ head, upgrade }: Asked): Recording {
  kept.parser.expect(head === true, upgrade === true)
  Object.assign(kept.recorded, { heads: [], body: '', trailers: undefined, outcome: 'open', rest: 0, calls: 0 })
  return kept
}

function reading({ heads, body, trailers, outcome, rest, calls }: Recorded, bytes: number): Reading {
  return {
    outcome,
    essence: JSON.stringify([heads, body, trailers, outcome.startsWith('MESH_') ? 'refused' : outcome, rest]),
    shape: `${outcome} ${heads.map((head) => `${head.status},${head.fields.length}`).join(' ')} ${Math.min(calls, 20)} ${trailers?.length ?? 0} ${rest > 0}`,
    problem: outcome === 'open' ? 'never ended' : calls + heads.length > bytes + 1 ? 'more events than bytes' : body.length > bytes ? 'more body than bytes' : undefined,
  }
}

fuzz({
  seeds: responses,
  damaged,
  slowMs: 50,
  read(bytes, places, choice, isAgain) {
    const asked = { head: choice === 0, upgrade: choice === 1, headBytes }
    const into = isAgain ? again(asked) : new Recording(asked)
    inPieces(bytes, places, (piece) => into.push(piece))
    into.end()
    return reading(into.recorded, bytes.length)
  },
})
