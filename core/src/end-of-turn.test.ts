// What waits for the end of a turn goes out in order, once, and not later than that.
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sendAtEndOfTurn, type Sender } from './end-of-turn.ts'

/** Senders that write down when they were asked to. */
function senders(count: number, sent: number[]): Sender[] {
  return Array.from({ length: count }, (_, at) => ({ endTurn: () => void sent.push(at) }))
}

test('nothing is sent before the turn ends, and everything then, in order', async () => {
  const sent: number[] = []
  for (const one of senders(5, sent)) sendAtEndOfTurn(one)
  await Promise.resolve()
  expect(sent).toEqual([])
  await turn()
  expect(sent).toEqual([0, 1, 2, 3, 4])
})

test('what asks while the others send goes out one turn later', async () => {
  const sent: string[] = []
  const late: Sender = { endTurn: () => void sent.push('late') }
  sendAtEndOfTurn({ endTurn: () => (sent.push('first'), sendAtEndOfTurn(late)) })
  await turn()
  expect(sent).toEqual(['first'])
  await turn()
  expect(sent).toEqual(['first', 'late'])
})

test('many do not wait for the end of a long turn', async () => {
  const sent: number[] = []
  for (const one of senders(300, sent)) sendAtEndOfTurn(one)
  expect(sent).toEqual(Array.from({ length: 256 }, (_, at) => at))
  await turn()
  expect(sent.length).toBe(300)
})
