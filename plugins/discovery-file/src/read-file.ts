// Reads a small file that others may be writing, replacing or abusing.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** The file's bytes. @throws Error with the reason, also when it is no ordinary file or longer than `maxBytes` */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer> {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would never end.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  if (!(await file.stat()).isFile()) throw new Error('it is not a file')
  // The size may change while it is read: what counts is what comes.
  const buffer = Buffer.allocUnsafe(maxBytes + 1)
  let length = 0
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length)
    length += bytesRead
    if (bytesRead === 0 || length > maxBytes) break
  }
  if (length > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`)
  return Buffer.from(buffer.subarray(0, length))
}
