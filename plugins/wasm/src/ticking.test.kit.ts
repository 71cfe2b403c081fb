// A guest that ticks, so that a test can do something in the guest at any time; and responses that come in pieces.
import { meshOf, type Handler, type TestMesh } from './mesh.test.kit.ts'
import { call, puppet, type Callbacks, type Script } from './puppet.test.kit.ts'

/** A response in chunks, each after the one before has gone out. */
export function inChunks(...chunks: string[]): Handler {
  return (_seen, response) => {
    const next = (): void => {
      const chunk = chunks.shift()
      if (chunk === undefined) response.end()
      else response.write(chunk, () => setTimeout(next, 5))
    }
    next()
  }
}

/**
 * A mesh whose guest ticks, and a way to do something in the next tick.
 * @param inFront filters that stand in front of it
 */
export async function ticking(script: Callbacks, handler?: Handler, options: object = {}, inFront: Parameters<typeof meshOf>[0] = []): Promise<{ mesh: TestMesh; readonly inTick: (work: () => Script) => void }> {
  const todo: (() => Script)[] = []
  const guest = puppet({
    *on_vm_start() {
      yield* call('proxy_set_tick_period_milliseconds', 2)
      return 1
    },
    *on_tick() {
      for (const work of todo.splice(0)) yield* work()
    },
    ...script,
  })
  return { mesh: await meshOf([...inFront, { guest, ...options }], handler), inTick: (work) => void todo.push(work) }
}

/** Goes on with a stream, from somewhere else. */
export function goOn(stream: number, type: number): () => Script {
  return function* () {
    yield* call('proxy_set_effective_context', stream)
    yield* call('proxy_continue_stream', type)
  }
}
