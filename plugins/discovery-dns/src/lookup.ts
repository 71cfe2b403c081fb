// Asks several servers in turn until one of them knows.
import { getServers } from 'node:dns'
import { isIP } from 'node:net'
import { ask, type Server } from './ask.ts'
import { failure, type Answer, type RecordType } from './message.ts'

/** Asks for the records of one type. Never rejects. */
export type Lookup = (name: string, type: RecordType, signal: AbortSignal) => Promise<Answer>

const rounds = 2
const maxServers = 16

/**
 * Each server is asked in turn, twice over. A yes or a no of one of them is the answer; a failure is not.
 * @param servers `host:port` or an address; undefined: those of the system
 * @throws RangeError for one that is neither
 */
export function lookupWith(servers: readonly string[] | undefined, timeoutMs: number): Lookup {
  const list = (servers ?? getServers()).slice(0, maxServers).map(toServer)
  if (list.length === 0) throw new RangeError('there is no DNS server: name some under servers')
  return async (name, type, signal) => {
    const reasons = new Set<string>()
    for (const server of Array.from({ length: rounds }, () => list).flat()) {
      const answer = await ask(name, type, server, timeoutMs, signal)
      if (answer.verdict !== 'failed' || signal.aborted) return answer
      reasons.add(`${server.host} port ${server.port}: ${answer.reason}`)
    }
    return failure([...reasons].join('; '))
  }
}

function toServer(text: string): Server {
  const found = /^\[(?<v6>[^\]]*)\](?::(?<p6>\d+))?$|^(?<v4>[^:]*):(?<p4>\d+)$/.exec(text)?.groups ?? {}
  const host = found['v6'] ?? found['v4'] ?? text
  const port = Number(found['p6'] ?? found['p4'] ?? 53)
  if (isIP(host) !== 0 && port >= 1 && port <= 65_535) return { host, port }
  throw new RangeError(`"${text}" is no address of a DNS server: write 10.0.0.53, 10.0.0.53:5353 or [fd00::53]:53`)
}
