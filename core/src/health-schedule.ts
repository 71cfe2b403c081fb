// How often a health check asks and when it is believed: defaults, limits, and the options every health plugin offers.
import { Type, type TSchema } from 'typebox'
import type { HealthSchedule } from './questions.ts'

/** A schedule with nothing left open. */
export type FullHealthSchedule = Required<HealthSchedule>

const dayMs = 86_400_000

/** What may stand there, and what is meant if nothing does; a text names the option that is used instead. */
const numbers: Readonly<Record<Exclude<keyof HealthSchedule, 'waitForFirst'>, { readonly least: number; readonly most: number; readonly usual: number | 'intervalMs'; readonly whole?: true; readonly says: string }>> = {
  intervalMs: { least: 1, most: dayMs, usual: 5_000, says: 'Milliseconds between two checks of one endpoint.' },
  timeoutMs: { least: 1, most: 600_000, usual: 2_000, says: 'Milliseconds a check may take; then it counts as failed.' },
  unhealthyThreshold: { least: 1, most: 1_000, usual: 3, whole: true, says: 'Failures in a row that make an endpoint unfit.' },
  healthyThreshold: { least: 1, most: 1_000, usual: 2, whole: true, says: 'Successes in a row that make it fit again.' },
  jitterPercent: { least: 0, most: 100, usual: 10, says: 'Every interval is longer by up to this share of it, at random.' },
  initialJitterMs: { least: 0, most: dayMs, usual: 0, says: 'Milliseconds up to which the first check of an endpoint is put off, at random.' },
  unhealthyIntervalMs: { least: 1, most: dayMs, usual: 'intervalMs', says: 'Milliseconds between checks of an unfit endpoint.' },
  edgeIntervalMs: { least: 1, most: dayMs, usual: 'intervalMs', says: 'Milliseconds until the next check while the last ones contradict what is believed.' },
  noTrafficIntervalMs: { least: 1, most: dayMs, usual: 'intervalMs', says: 'Milliseconds between checks of a fit endpoint until its service has had traffic.' },
}

/** The properties of a {@link HealthSchedule} as JSON Schema, to be spread into a plugin's own options. */
export const healthScheduleProperties: Readonly<Record<keyof HealthSchedule, TSchema>> = {
  ...(Object.fromEntries(Object.entries(numbers).map(([name, { least, most, usual, whole, says }]) => {
    const options = { minimum: least, maximum: most, description: `${says} Default ${usual === 'intervalMs' ? 'as intervalMs' : usual}.` }
    return [name, Type.Optional(whole ? Type.Integer(options) : Type.Number(options))]
  })) as unknown as Record<keyof typeof numbers, TSchema>),
  waitForFirst: Type.Optional(Type.Boolean({ description: 'Whether a new endpoint gets no traffic before its first check has succeeded. Default false.' })),
}

/**
 * Fills in the defaults.
 * @throws RangeError for a number out of its range
 */
export function fullSchedule(given: HealthSchedule): FullHealthSchedule {
  const intervalMs = given.intervalMs ?? (numbers.intervalMs.usual as number)
  const filled = Object.entries(numbers).map(([name, { least, most, usual, whole }]) => {
    const value = given[name as keyof typeof numbers] ?? (usual === 'intervalMs' ? intervalMs : usual)
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) throw new RangeError(`${name} is ${whole ? 'a whole number' : 'a number'} from ${least} to ${most}, not ${value}`)
    return [name, value]
  })
  return { ...(Object.fromEntries(filled) as FullHealthSchedule), waitForFirst: given.waitForFirst ?? false }
}
