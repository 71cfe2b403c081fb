// How the tests run: every *.test.ts in the repository, on unbuilt sources.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['mw-source'] },
  ssr: { resolve: { conditions: ['mw-source'], externalConditions: ['mw-source'] } },
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '**/.cache/**'],
    execArgv: ['--conditions=mw-source'],
    // A server that is not on this machine skips its tests, except in continuous integration, where it fails them.
    env: { MESHWRIGHT_REQUIRE_SERVERS: process.env['CI'] === 'true' ? '1' : '' },
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
})
