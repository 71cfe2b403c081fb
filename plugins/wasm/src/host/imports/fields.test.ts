// What maps of fields cost those who look into them.
import { expect, test } from 'vitest'
import { guest } from '../../guest.test.kit.ts'
import { loadFilter } from '../../testing/index.ts'

/** Fuel of one request with so many fields, whose guest asks for one that is not there. */
async function fuelOf(fields: number): Promise<number> {
  const filter = await loadFilter(
    guest(
      (text) => `(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $proxy_get_header_map_value (i32.const 0) ${text('x-none')} (i32.const 0) (i32.const 4)))
        (i32.const 0))`,
    ),
  )
  await filter.request({ headers: Object.fromEntries(Array.from({ length: fields }, (_, i) => [`x-${i}`, ''])) })
  return filter.used.fuel
}

test('a field is looked for at one price among few, and at more among many', async () => {
  expect(await fuelOf(20)).toBe(await fuelOf(1))
  expect(await fuelOf(200)).toBeGreaterThan((await fuelOf(1)) + 200 * 10)
  expect(await fuelOf(2_000)).toBeGreaterThan((await fuelOf(1)) + 2_000 * 10)
})

test('a guest that adds fields without end is ended before there are so many that nobody can look through them', async () => {
  const adding = guest(
    (text) => `(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (loop $again (drop (call $proxy_add_header_map_value (i32.const 0) ${text('x-more')} ${text('1')})) (br $again))
      unreachable)`,
  )
  const filter = await loadFilter(adding, { onFailure: 'open' })
  const { sent } = await filter.request()
  expect(sent.headers['x-more']?.length).toBeGreaterThan(100)
  expect(sent.headers['x-more']?.length).toBeLessThan(10_000)
})
