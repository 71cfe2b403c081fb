// One direction of a stream: when bytes leave.
import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { Half } from './half.ts'

test('a body that was read ahead is held until the last of the bytes that it was made of, also when the guest goes on before', () => {
  const half = new Half(100, 'MESH_BODY_TOO_LARGE', { paused() {} })
  half.ahead = true
  half.arrived(Buffer.from('CHANGED'), true)
  expect(half.goOn()).toBe(false)
  expect([half.takeReady().byteLength, half.holding]).toEqual([0, true])
  expect([String(half.take()), half.holding]).toEqual(['CHANGED', false])
})
