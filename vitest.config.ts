// How the tests run: every *.test.ts in the repository, on unbuilt sources.
import path from 'node:path'
import { defineConfig } from 'vitest/config'

const isCi = process.env['CI'] === 'true'
// Tests start many processes and threads on the sources: what V8 made of a file once is there for all of them. Two thirds of a start.
process.env['NODE_COMPILE_CACHE'] ??= path.join(import.meta.dirname, '.cache', 'compiled')

export default defineConfig({
  resolve: { conditions: ['mw-source'] },
  ssr: { resolve: { conditions: ['mw-source'], externalConditions: ['mw-source'] } },
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/.cache/**'],
    execArgv: ['--conditions=mw-source'],
    // A server that is not on this machine skips its tests, except in continuous integration, where it fails them.
    env: { MESHWRIGHT_REQUIRE_SERVERS: isCi ? '1' : '' },
    // Every core has a file: most tests wait for something half of the time. (The default leaves one core to the runner.)
    maxWorkers: '100%',
    // Longer than anything takes on a machine that is busy with something else; .ci/run bounds the whole run.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A change is not refused for a machine that stood still for a moment: who fails gets a second try, and is named at the end of the
    // run (test/kit/ci-report.ts), as it has to be mended all the same. At a desk nothing is tried again.
    retry: isCi ? 1 : 0,
  },
})
