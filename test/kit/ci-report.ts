// A reporter for .ci/run: how the tests ended, which of them passed only at a second try, and which files wait for theirs.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Lines of a word and the rest: `passed 6704`, `failed 0`, `skipped 14`, `retried <test: why>`, `died <file>`. */
const file = path.join(import.meta.dirname, '..', '..', '.cache', 'tests')

/** Its process ended before its tests did. */
function hasDied(module: TestModule): boolean {
  return module.state() === 'pending' || module.state() === 'queued'
}

function firstLine(text: string | undefined): string {
  return text?.split('\n', 1)[0] ?? 'no error was kept'
}

function retried(test: TestCase): string {
  return `retried ${test.module.relativeModuleId} > ${test.fullName}: ${firstLine(test.result().errors?.[0]?.message)}`
}

export default class CiReport implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const died = modules.filter(hasDied)
    const ended = modules.filter((module) => !hasDied(module))
    const tests = ended.flatMap((module) => [...module.children.allTests()])
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length
    // A file that does not load fails without a test; and so does the run by an error outside of all tests, one of which each death is.
    const broken = ended.filter((module) => !module.ok() && [...module.children.allTests('failed')].length === 0).length
    const failed = count('failed') + broken + Math.max(0, errors.length - died.length)
    const lines = [`passed ${count('passed')}`, `failed ${failed}`, `skipped ${count('skipped')}`, ...tests.filter((test) => test.diagnostic()?.flaky === true).map(retried), ...died.map((module) => `died ${module.relativeModuleId}`)]
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, `${lines.join('\n')}\n`)
  }
}
