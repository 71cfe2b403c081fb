// meshwright filter test: compiles a filter and runs its tests on the module that comes out.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { failure } from './exit.ts'
import { filterBuild } from './filter-build.ts'
import { findProject, type FilterPlaces } from './filter-project.ts'

export interface FilterTestOptions extends FilterPlaces {
  /** False: test the module that is there. */
  readonly build?: boolean
}

const usualTests = 'test/**/*.test.{ts,js,mts,mjs}'

/** Returns the exit code. @param rest files and options for `node --test`; without files it runs those in `test` */
export async function filterTest(rest: readonly string[], options: FilterTestOptions): Promise<number> {
  const { folder } = findProject(options)
  if (options.build !== false) {
    // Names make what is said of a guest that traps worth reading.
    const code = await filterBuild({ ...options, debug: true })
    if (code !== 0) return code
  }
  const hasFiles = rest.some((word) => !word.startsWith('-'))
  return run([...process.execArgv, '--test', ...rest, ...(hasFiles ? [] : [usualTests])], folder)
}

async function run(args: readonly string[], cwd: string): Promise<number> {
  const child = spawn(process.execPath, args, { cwd, stdio: 'inherit' })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  if (code === null) throw failure(`the tests were ended by ${signal}`)
  return code === 0 ? 0 : 1
}
