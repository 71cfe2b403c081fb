// A plugin for tests with threads: filters that count requests in shared memory, and answer how many there were.
import { definePlugin, type Filter, type MeshPlugin, reply } from '@meshwright/core'
import { threadId } from 'node:worker_threads'

const plugin: MeshPlugin = definePlugin({ name: 'tally', mesh: '*' }, (mesh) => {
  mesh.provide('filter', 'tally', (options: { name: string }, context) => tally(new Int32Array(context.shared(options.name, 4))))
  mesh.provide('filter', 'thread-tally', (_options, context): Filter => {
    if (mesh.side === 'data') context.shared('only here', 4)
    return { name: 'thread-tally' }
  })
})

function tally(count: Int32Array): Filter {
  return {
    name: 'tally',
    onRequestHeaders: () => reply(200, String(Atomics.add(count, 0, 1) + 1), { 'x-thread': String(threadId) }),
  }
}

export default plugin
