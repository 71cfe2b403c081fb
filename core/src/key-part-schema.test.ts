// What the schema of a key takes: all that keyPart does, and the words of whoever asks.
import { Value } from 'typebox/value'
import { expect, test } from 'vitest'
import { keySchema } from './key-part-schema.ts'
import { keyPart, type KeyPart } from './key-part.ts'

test.each<KeyPart>(['route', 'address', { header: 'x-api-key' }, { cookie: 'sid' }, { query: 'key' }])('%j is a part, and can be read', (part) => {
  expect(Value.Check(keySchema('A key.'), [part])).toBe(true)
  expect(keyPart(part)).toBeTypeOf('function')
})

test.each([[[]], [['path']], [[{ header: '' }]], [[{ header: 'a', cookie: 'b' }]], [[{ field: 'a' }]], ['route'], [Array.from({ length: 9 }, () => 'route')]])('%j is no key', (key) => {
  expect(Value.Check(keySchema('A key.'), key)).toBe(false)
})

test('words are those that are asked for', () => {
  const schema = keySchema('A key.', { words: ['path'] })
  expect(Value.Check(schema, ['path', { cookie: 'sid' }])).toBe(true)
  expect(Value.Check(schema, ['route'])).toBe(false)
})
