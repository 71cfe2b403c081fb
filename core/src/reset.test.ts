import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { reset } from './reset.ts'

/** Both ends of a connection. */
async function pair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const one = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const [[other]] = (await Promise.all([once(server, 'connection'), once(one, 'connect')])) as [[Socket], unknown]
  onTestFinished(() => {
    one.destroy()
    other.destroy()
    server.close()
  })
  return [one, other]
}

test('the other side sees a reset', async () => {
  const [one, other] = await pair()
  reset(one, one)
  const [error] = (await once(other.resume(), 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
})

test('a socket that is just being ended is closed all the same', async () => {
  const [one, other] = await pair()
  const errors: unknown[] = []
  one.on('error', (error) => errors.push(error))
  one.end()
  // By now the system has been asked to shut it down, and has not answered.
  await new Promise((resolve) => process.nextTick(resolve))
  const closed = once(one, 'close')
  reset(one, one)
  await closed
  expect(errors).toEqual([])
  await once(other.resume(), 'end')
})

test('one that has bytes to send is not ended in the middle of them', async () => {
  const [one, other] = await pair()
  other.pause()
  one.end(Buffer.alloc(30_000_000))
  reset(one, one)
  const closed = once(one, 'close')
  await closed
  const [error] = (await once(other.resume(), 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
})

test('one below which nobody knows what there is is closed', async () => {
  const [one, other] = await pair()
  reset(one, undefined)
  await once(other.resume(), 'end')
  expect(one.destroyed).toBe(true)
})
