// A reporter that names the tests that passed only when they were run a second time, so that they are seen and mended.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Where .ci/run finds them, to print them once more at its end. */
const file = path.join(import.meta.dirname, '..', '..', '.cache', 'second-tries')

function line(test: TestCase): string {
  const [first] = test.result().errors ?? []
  return `needed a second try: ${test.module.relativeModuleId} > ${test.fullName}: ${first?.message.split('\n', 1)[0] ?? 'no error was kept'}\n`
}

export default class SecondTries implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const flaky = modules.flatMap((one) => [...one.children.allTests()]).filter((test) => test.diagnostic()?.flaky === true)
    const told = flaky.map(line).join('')
    process.stdout.write(told)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, told)
  }
}
