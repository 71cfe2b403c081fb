// The thread that compiles: one job after the other, warm after the first.
import { parentPort } from 'node:worker_threads'
import { compile, type CompileOptions } from './compile.ts'

const port = parentPort
if (port === null) throw new Error('this is the compiler thread of a FilterCompiler')
port.on('message', (options: CompileOptions) => {
  compile(options).then(
    (compiled) => port.postMessage({ compiled }),
    (error: unknown) => port.postMessage({ error: String(error) }),
  )
})
