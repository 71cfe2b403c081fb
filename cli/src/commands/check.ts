// meshwright check: says everything that is wrong with a configuration file.
import { loadConfig } from '../config/load.ts'
import { paintFor } from '../config/print.ts'
import { checkReport, configFile, showProblems } from './config-file.ts'

/** Returns the exit code. */
export async function check(named: string | undefined, options: { readonly json?: boolean }): Promise<number> {
  const loaded = await loadConfig(configFile(named), { files: true })
  const isGood = loaded.spec !== undefined
  if (options.json) console.log(JSON.stringify(checkReport(loaded), null, 2))
  else showProblems(loaded)
  if (isGood && !options.json) console.log(`${paintFor(process.stdout)('green', 'ok')}  ${loaded.file}  ${summary(loaded.spec)}`)
  return isGood ? 0 : 1
}

type Spec = NonNullable<Awaited<ReturnType<typeof loadConfig>>['spec']>

function summary({ listeners, routes, services }: Spec): string {
  return [
    counted(listeners?.length ?? 0, 'listener'),
    counted(routes?.length ?? 0, 'route'),
    counted(Object.keys(services ?? {}).length, 'service'),
  ].join(', ')
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
