// Guests in a real mesh: what they see, and what becomes of what they do.
import { describe, expect, test } from 'vitest'
import { meshOf } from './mesh.test.kit.ts'
import { add, header, puppet, remove, set } from './puppet.test.kit.ts'

describe('header fields', () => {
  test('are read, added, replaced and removed in both directions', async () => {
    const seen: unknown[] = []
    const { ask, seen: came } = await meshOf([
      {
        guest: puppet({
          *on_request_headers() {
            seen.push(yield* header(0, ':path'), yield* header(0, 'X-Ask'), yield* header(0, 'x-none'))
            yield* add(0, 'x-added', '1')
            yield* set(0, 'x-ask', 'replaced')
            yield* remove(0, 'x-gone')
          },
          *on_response_headers() {
            seen.push(yield* header(2, ':status'))
            yield* add(2, 'x-answered', 'yes')
            yield* set(2, ':status', '201')
          },
        }),
      },
    ])
    const answer = await ask({ path: '/a?b=1', headers: { 'X-Ask': 'me', 'x-gone': 'x' } })
    expect(seen).toEqual(['/a?b=1', 'me', 1, '200'])
    expect(answer).toMatchObject({ status: 201, headers: { 'x-answered': 'yes' } })
    expect(came[0]?.headers).toMatchObject({ 'x-added': '1', 'x-ask': 'replaced' })
    expect(came[0]?.headers).not.toHaveProperty('x-gone')
  })
})
