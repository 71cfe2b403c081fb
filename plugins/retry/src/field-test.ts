// Conditions on response fields, compiled.
import { toTextTest, type TextMatch, type TextTest } from '@meshwright/core'

/** One field that is looked at. */
export interface FieldTest {
  /** Lower case. */
  readonly name: string
  /** Asked with the first value of the field, or its absence. */
  readonly test: TextTest
}

const maxFields = 64

/** @throws RangeError for more than 64, MESH_BAD_ROUTE for a match that is none */
export function toFieldTests(matches: Readonly<Record<string, TextMatch>>): FieldTest[] {
  const entries = Object.entries(matches)
  if (entries.length > maxFields) throw new RangeError(`headers has more than ${maxFields} names`)
  return entries.map(([name, match]) => ({ name: name.toLowerCase(), test: toTextTest(match, `headers.${name}`) }))
}
