// What waits for the end of a turn goes out in order, once, and not later than that.
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sendAtEndOfTurn, startAll, startAtEndOfTurn, type Sender } from './end-of-turn.ts'

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

test('what starts does so before anything is sent, and what it sends goes out with the rest', async () => {
  const seen: string[] = []
  const sender = (name: string): Sender => ({ endTurn: () => void seen.push(`${name} sent`) })
  sendAtEndOfTurn(sender('first'))
  for (const name of ['a', 'b']) {
    startAtEndOfTurn({
      start: () => {
        seen.push(name)
        sendAtEndOfTurn(sender(name))
      },
    })
  }
  expect(seen).toEqual([])
  await turn()
  expect(seen).toEqual(['a', 'b', 'first sent', 'a sent', 'b sent'])
})

test('what is started by others that start does so one turn later', async () => {
  const seen: string[] = []
  startAtEndOfTurn({ start: () => (seen.push('first'), startAtEndOfTurn({ start: () => void seen.push('second') })) })
  await turn()
  expect(seen).toEqual(['first'])
  await turn()
  expect(seen).toEqual(['first', 'second'])
})

test('many start before the end of a long turn, and send', async () => {
  const seen: number[] = []
  for (let i = 0; i < 200; i++) startAtEndOfTurn({ start: () => sendAtEndOfTurn({ endTurn: () => void seen.push(i) }) })
  expect(seen).toEqual(Array.from({ length: 128 }, (_, i) => i))
  await turn()
  expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i))
})

test('what waits can be started earlier, and starts once', async () => {
  const seen: string[] = []
  startAtEndOfTurn({ start: () => (seen.push('started'), sendAtEndOfTurn({ endTurn: () => void seen.push('sent') })) })
  startAll()
  expect(seen).toEqual(['started'])
  await turn()
  expect(seen).toEqual(['started', 'sent'])
})
