// Fuzzes the parser of requests: `node --conditions=mw-source core/src/listener/request-parser.fuzz.ts [seconds] [seed]`.
import { fuzz, inPieces, type Reading } from '../http1/fuzz.test.kit.ts'
import { Recording, type Recorded } from './recording.test.kit.ts'
import { damaged, requests } from './requests.test.kit.ts'

const headBytes = 4_096

function reading({ requests: read, outcome, calls }: Recorded, bytes: number): Reading {
  const bodyBytes = read.reduce((sum, { body }) => sum + body.length, 0)
  return {
    outcome,
    essence: JSON.stringify([read, outcome.startsWith('MESH_') ? 'refused' : outcome]),
    shape: `${outcome} ${read.slice(0, 8).map((one) => `${one.method.length},${one.fields.length},${Math.min(one.body.length, 9)},${one.trailers?.length ?? 0}`).join(' ')} ${Math.min(calls, 20)}`,
    problem: outcome === 'open' ? 'never ended' : calls > bytes ? 'more events than bytes' : bodyBytes > bytes ? 'more body than bytes' : undefined,
  }
}

fuzz({
  seeds: requests,
  damaged,
  // An input may have hundreds of requests.
  slowMs: 500,
  read(bytes, places) {
    const into = new Recording(headBytes)
    inPieces(bytes, places, (piece) => into.push(piece))
    into.end()
    return reading(into.recorded, bytes.length)
  },
})
