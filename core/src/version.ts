// The version of this package, as plugins ask for it.
import { readFileSync } from 'node:fs'

/** What package.json says. */
export const coreVersion: string = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version
