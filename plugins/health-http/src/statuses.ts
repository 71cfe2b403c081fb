// Status codes as people write them: numbers and ranges.

/** @throws RangeError for what is no status from 200 to 599, and no range of them */
export function statusSet(statuses: readonly (number | string)[]): ReadonlySet<number> {
  const all = new Set<number>()
  for (const status of statuses) {
    const [, first = '', last = first] = /^(\d{3})(?:-(\d{3}))?$/.exec(String(status)) ?? []
    const [from, to] = [Number(first), Number(last)]
    if (!(from >= 200 && to <= 599 && from <= to)) throw new RangeError(`"${status}" is neither a status from 200 to 599 nor a range of them`)
    for (let one = from; one <= to; one++) all.add(one)
  }
  return all
}
