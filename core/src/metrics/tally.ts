// A tally: the numbers of any number of stores added up by name and labels.
import { otherLabel, sameFamily, seriesKey, widthOf, type FamilyDeclaration } from './family.ts'

/** One series of a counter or gauge. */
export interface ValueSeries {
  /** In the order of the family's `labelNames`. */
  readonly labels: readonly string[]
  readonly value: number
}

/** One series of a histogram. */
export interface HistogramSeries {
  readonly labels: readonly string[]
  /** How many values fell in each bucket alone; one more than there are bounds. */
  readonly buckets: readonly number[]
  /** The sum of the buckets. */
  readonly count: number
  readonly sum: number
}

interface FamilyOf<Type, Series> extends FamilyDeclaration {
  readonly type: Type & FamilyDeclaration['type']
  readonly series: readonly Series[]
}

/** Everything known of one metric name at one moment. */
export type MetricFamily = FamilyOf<'counter' | 'gauge', ValueSeries> | FamilyOf<'histogram', HistogramSeries>

interface Row {
  readonly labels: readonly string[]
  readonly numbers: Float64Array
}

interface Table {
  readonly declaration: FamilyDeclaration
  readonly rows: Map<string, Row>
}

/** Adds series up. The first declaration of a name wins. */
export class Tally {
  readonly #tables = new Map<string, Table>()
  readonly #maxSeries: number

  /** @param maxSeries of one name; what goes beyond is added to the series whose labels are "other" */
  constructor(maxSeries: number = Infinity) {
    this.#maxSeries = maxSeries
  }

  /** Makes a family appear even without series. False when the name is already declared in another way. */
  declare(declaration: FamilyDeclaration): boolean {
    const table = this.#tables.get(declaration.name)
    if (table) return sameFamily(table.declaration, declaration)
    this.#tables.set(declaration.name, { declaration, rows: new Map() })
    return true
  }

  /** Adds one series, whose numbers begin at `at`. False when the name is declared in another way. */
  add(declaration: FamilyDeclaration, labels: readonly string[], numbers: Float64Array, at: number): boolean {
    if (!this.declare(declaration)) return false
    const row = this.#row(this.#tables.get(declaration.name) as Table, labels, numbers[at] as number)
    for (let i = 0; i < row.numbers.length; i++) {
      const [before, value] = [row.numbers[i] as number, numbers[at + i] as number]
      row.numbers[i] = declaration.merge === 'max' ? Math.max(before, value) : before + value
    }
    return true
  }

  /** Adds everything that another tally has. */
  addAll(other: Tally): void {
    for (const { declaration, rows } of other.#tables.values()) {
      this.declare(declaration)
      for (const row of rows.values()) this.add(declaration, row.labels, row.numbers, 0)
    }
  }

  /** What it has come to, families ordered by name. */
  families(): MetricFamily[] {
    const tables = [...this.#tables.values()].toSorted((a, b) => (a.declaration.name < b.declaration.name ? -1 : 1))
    return tables.map(toFamily)
  }

  #row(table: Table, labels: readonly string[], first: number): Row {
    const full = table.rows.size >= this.#maxSeries
    const wanted = full && !table.rows.has(seriesKey(labels)) ? labels.map(() => otherLabel) : labels
    const key = seriesKey(wanted)
    let row = table.rows.get(key)
    if (!row) {
      row = { labels: wanted, numbers: new Float64Array(widthOf(table.declaration)) }
      // The greatest of negative values is not 0.
      if (table.declaration.merge === 'max') row.numbers[0] = first
      table.rows.set(key, row)
    }
    return row
  }
}

function toFamily({ declaration, rows }: Table): MetricFamily {
  const { type } = declaration
  const all = [...rows.values()]
  if (type === 'histogram') return { ...declaration, type, series: all.map(toHistogramSeries) }
  return { ...declaration, type, series: all.map(({ labels, numbers }) => ({ labels, value: numbers[0] as number })) }
}

function toHistogramSeries({ labels, numbers }: Row): HistogramSeries {
  const buckets = Array.from(numbers.subarray(0, -1))
  return { labels, buckets, count: buckets.reduce((sum, n) => sum + n, 0), sum: numbers.at(-1) as number }
}
