// What editors say of the shipped filters: nothing.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { shippedFilters } from './shipped.ts'

const tsc = path.join(import.meta.dirname, '..', '..', '..', 'node_modules', '.bin', 'tsc')

test.each(shippedFilters())('the type checker of editors agrees with $name', { timeout: 180_000 }, async ({ folder }) => {
  // It fails with what it has to say on its standard output, which the error carries.
  await expect(promisify(execFile)(tsc, ['--noEmit', '-p', path.join(folder, 'assembly')])).resolves.toEqual({ stdout: '', stderr: '' })
})
