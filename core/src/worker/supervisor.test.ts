// What a supervisor does where threads cannot share a port.
import { Agent, get } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { createMesh } from '../mesh.ts'
import { MergedMetrics } from '../metrics.ts'
import { SharedBlocks } from '../shared-memory.ts'
import { ControlFeed } from './control-feed.ts'
import { canSharePorts } from './shared-port.ts'
import { Supervisor } from './supervisor.ts'

test('there is one thread, and that is said', async () => {
  const warnings: string[] = []
  const quiet = (): void => {}
  const log = { debug: quiet, info: quiet, error: quiet, warn: (_details: object, text: string) => void warnings.push(text) }
  const app = createMesh({ runtime: { log, side: 'control' } })
  await app.ready()
  const supervisor = new Supervisor(app, { workers: 3, plugins: [], feed: new ControlFeed(), merged: new MergedMetrics(), shared: new SharedBlocks(), sharesPorts: false })
  onTestFinished(async () => supervisor.close(0))
  await supervisor.apply({ listeners: [{ address: '127.0.0.1:0' }], routes: [{ reply: { status: 204 } }] })
  expect(supervisor.workers()).toMatchObject([{ worker: 1, state: 'running' }])
  expect(warnings).toEqual(['this system cannot share a port between threads: there is one data-plane thread'])
  expect(await statusOf(`${supervisor.listeners[0]?.url}/`)).toBe(204)
})

test.each([
  ['linux', true],
  ['freebsd', true],
  ['darwin', false],
  ['win32', false],
])('%s shares ports: %s', (platform, shares) => {
  expect(canSharePorts(platform)).toBe(shares)
})

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { agent: new Agent({ keepAlive: false }) }, (response) => resolve(response.resume().statusCode)).on('error', reject)
  })
}
