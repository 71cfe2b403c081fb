// meshwright routes: which requests go where, in the order in which routes are considered.
import { paintFor } from '../config/print.ts'
import { loadForCommand } from './config-file.ts'
import { routeRows, type RouteRow } from './route-order.ts'
import { table } from './table.ts'

const head = ['HOST', 'PATH', 'METHOD', 'CONDITIONS', 'TO', 'FILTERS', 'NAME']

/** Returns the exit code. */
export async function routes(named: string | undefined, options: { readonly json?: boolean }): Promise<number> {
  const loaded = await loadForCommand(named)
  if (loaded?.spec === undefined) return 1
  const rows = routeRows(loaded.spec)
  if (options.json) console.log(JSON.stringify(rows, null, 2))
  else printTable(rows)
  return 0
}

function printTable(rows: readonly RouteRow[]): void {
  const [first = '', ...rest] = table(head, rows.map((row) => [row.host, row.path, row.method, row.conditions, row.to, row.filters.join(', '), row.name]))
  console.log([paintFor(process.stdout)('bold', first), ...rest].join('\n'))
}
