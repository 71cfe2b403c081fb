// What a thread of isolated filters loads: as little as it can, as each of them takes time and memory for itself.
import { basename } from 'node:path'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'

/** The addresses of all modules that a thread loads with its entry. */
async function loadedWith(entry: URL): Promise<string[]> {
  const code = `
    import { registerHooks } from 'node:module'
    import { parentPort } from 'node:worker_threads'
    const urls = []
    registerHooks({ load(url, context, next) { urls.push(url); return next(url, context) } })
    await import(${JSON.stringify(entry.href)})
    parentPort.postMessage(urls)`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
  try {
    return await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
  } finally {
    await worker.terminate()
  }
}

test('a thread loads nothing of others, of the core only what exchanges are made of, and no meter', async () => {
  const files = (await loadedWith(new URL('./thread.ts', import.meta.url))).filter((url) => !url.startsWith('node:'))
  const ofCore = files.filter((url) => url.includes('/core/'))
  expect(ofCore.some((url) => url.endsWith('/core/src/thread.ts'))).toBe(true)
  expect(files.filter((url) => !url.includes('/plugins/wasm/') && !ofCore.includes(url))).toEqual([])
  // The whole core has ten times as many, and brings 500 of others.
  expect(ofCore.length).toBeLessThan(20)
  // Modules come metered and compiled.
  expect(files.filter((url) => /\/meter\/|\/load\.ts$/.test(url)).map((url) => basename(url)).toSorted()).toEqual(['fuel-export.ts', 'refused-module.ts'])
})
