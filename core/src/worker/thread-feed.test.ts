// What a thread keeps of identities, and for how long.
import { expect, test } from 'vitest'
import type { TlsMaterial } from '../questions.ts'
import { ThreadFeed } from './thread-feed.ts'

const owner = 'service "a"'
const material: TlsMaterial = { certificates: [{ key: 'secret', cert: 'c' }] }

/** What somebody who watches the owner's identity is told at once. */
function told(feed: ThreadFeed): TlsMaterial[] {
  const heard: TlsMaterial[] = []
  void feed.identity(owner).watch((one) => void heard.push(one))
  return heard
}

test('an identity is told to whoever watches it, and forgotten when its owner has none any more', () => {
  const feed = new ThreadFeed()
  const early = told(feed)
  feed.hear({ kind: 'identity', owner, material })
  expect([early, told(feed)]).toEqual([[material], [material]])
  feed.hear({ kind: 'no-identity', owner })
  expect(told(feed)).toEqual([])
  feed.hear({ kind: 'identity', owner, material: { certificates: [] } })
  expect(told(feed)).toEqual([{ certificates: [] }])
})
