// Runs a scenario against a listener: its requests, and what came of them.
import { setTimeout as pause } from 'node:timers/promises'
import { ask, type Answer } from './client.ts'
import type { Endpoint } from './endpoint.ts'
import type { Outcome, Scenario } from './scenario.ts'

/** How long guests may take to write down the end of a stream. */
const patienceMs = 10_000

/** @param lines what the guests have written down so far */
export async function run({ requests, filters, ends }: Scenario, port: number, endpoint: Endpoint, lines: () => readonly string[]): Promise<Outcome> {
  const from = endpoint.seen.length
  const answers: Answer[] = []
  const expected = ends ?? requests.length * filters.filter(({ module }) => typeof module !== 'string').length
  for (const asked of requests) answers.push(await ask(port, asked))
  const giveUpMs = performance.now() + patienceMs
  while (lines().filter((line) => line === '@@on_delete').length < expected) {
    if (performance.now() > giveUpMs) throw new Error(`only this was written down:\n${lines().join('\n')}`)
    await pause(2)
  }
  return { answers, seen: endpoint.seen.slice(from), records: [...lines()] }
}
