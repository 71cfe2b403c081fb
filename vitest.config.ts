// How the tests run: every *.test.ts in the repository, on unbuilt sources.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['mw-source'] },
  ssr: { resolve: { conditions: ['mw-source'], externalConditions: ['mw-source'] } },
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    execArgv: ['--conditions=mw-source'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
})
