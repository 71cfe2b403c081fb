// What is said once about a metric: its name, type, labels and buckets, and the rules they must keep.

/** Prometheus' three basic types. */
export type MetricType = 'counter' | 'gauge' | 'histogram'

/** How the threads' values of one gauge become one: added up, or the greatest of them. */
export type GaugeMerge = 'sum' | 'max'

/** The labels of one series by name. Values longer than 256 characters are cut. */
export type MetricLabels = Readonly<Record<string, string>>

/** What all series of one name have in common. Plain data: it crosses threads. */
export interface FamilyDeclaration {
  readonly name: string
  readonly type: MetricType
  /** One sentence for people. */
  readonly help: string
  /** In the order of the first declaration. */
  readonly labelNames: readonly string[]
  /** Upper bounds of a histogram's buckets, ascending, without +Inf; empty for other types. */
  readonly bounds: readonly number[]
  readonly merge: GaugeMerge
}

/** Label values take the place of this one when a metric has as many series as it may. */
export const otherLabel = 'other'

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const labelName = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/
const maxNameLength = 200
const maxLabelNames = 16
const maxBounds = 100
const maxValueLength = 256

/** Checks a declaration. @throws TypeError that says which rule is broken */
export function checkFamily(declaration: FamilyDeclaration): void {
  const { name, type, labelNames, bounds } = declaration
  if (!metricName.test(name) || name.length > maxNameLength) throw new TypeError(`"${name.slice(0, maxNameLength)}" is not a metric name`)
  if (labelNames.length > maxLabelNames) throw new TypeError(`${name}: more than ${maxLabelNames} labels`)
  for (const label of labelNames) checkLabelName(name, type, label)
  if (type === 'histogram') checkBounds(name, bounds)
}

function checkLabelName(name: string, type: MetricType, label: string): void {
  if (!labelName.test(label) || label.length > maxNameLength) throw new TypeError(`${name}: "${label.slice(0, maxNameLength)}" is not a label name`)
  if (type === 'histogram' && label === 'le') throw new TypeError(`${name}: a histogram writes the label "le" itself`)
}

function checkBounds(name: string, bounds: readonly number[]): void {
  if (bounds.length === 0 || bounds.length > maxBounds) throw new TypeError(`${name}: a histogram has 1 to ${maxBounds} bounds`)
  bounds.forEach((bound, i) => {
    if (!Number.isFinite(bound)) throw new TypeError(`${name}: bound ${i} is not a finite number`)
    if (i > 0 && bound <= (bounds[i - 1] as number)) throw new TypeError(`${name}: bounds must ascend`)
  })
}

const histogramSuffixes = ['_bucket', '_sum', '_count']

/**
 * A histogram `x` is written as `x_bucket`, `x_sum` and `x_count`, which nobody else may be called.
 * @throws TypeError when one of those names, or the histogram itself, is taken
 */
export function checkSuffixes(declaration: FamilyDeclaration, known: (name: string) => FamilyDeclaration | undefined): void {
  const { name, type } = declaration
  for (const suffix of histogramSuffixes) {
    const stem = name.endsWith(suffix) ? known(name.slice(0, -suffix.length)) : undefined
    if (stem?.type === 'histogram') throw new TypeError(`${name}: the name belongs to the histogram ${stem.name}`)
    if (type === 'histogram' && known(name + suffix)) throw new TypeError(`${name}: ${name}${suffix} is taken`)
  }
}

/** Whether both say the same; `help` may differ. */
export function sameFamily(a: FamilyDeclaration, b: FamilyDeclaration): boolean {
  return a.type === b.type && a.merge === b.merge && sameList(a.labelNames, b.labelNames) && sameList(a.bounds, b.bounds)
}

function sameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

/** How many numbers one series has: a histogram's are its buckets, the one above the last bound, and the sum. */
export function widthOf(declaration: FamilyDeclaration): number {
  return declaration.type === 'histogram' ? declaration.bounds.length + 2 : 1
}

/** The values of `labels` in the order of the declaration. @throws TypeError when a label is missing or unknown */
export function labelValues(declaration: FamilyDeclaration, labels: MetricLabels): string[] {
  const { name, labelNames } = declaration
  if (Object.keys(labels).length !== labelNames.length) throw new TypeError(`${name} has the labels [${labelNames.join(', ')}], not [${Object.keys(labels).join(', ')}]`)
  return labelNames.map((label) => {
    const value = labels[label]
    if (typeof value !== 'string') throw new TypeError(`${name}: the label "${label}" is missing`)
    return value.slice(0, maxValueLength).toWellFormed()
  })
}

/** One string per list of label values. */
export function seriesKey(values: readonly string[]): string {
  return JSON.stringify(values)
}
