// What the command's process runs.
import { runProgram } from './program.ts'

await runProgram(process.argv.slice(2))
