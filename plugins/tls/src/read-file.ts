// Reads a file of which nobody knows what it is by now.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** The file as text. @throws Error that names the path and the reason, also for what is no ordinary file or longer than `maxBytes` */
export async function readSmallText(path: string, maxBytes: number): Promise<string> {
  try {
    // Opening a pipe would wait for somebody to write to it.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const { size } = await file.stat().then((stat) => (stat.isFile() ? stat : Promise.reject(new Error('it is not a file'))))
    const buffer = Buffer.alloc(Math.min(size, maxBytes) + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read) read = (await file.read(buffer, length, buffer.length - length)).bytesRead
    if (length > maxBytes) throw new Error(`it is longer than ${maxBytes} bytes`)
    // It has grown since: whoever writes it is not done, and will be noticed again.
    return buffer.toString('utf8', 0, Math.min(length, size))
  } catch (cause) {
    throw new Error(`${path}: ${(cause as NodeJS.ErrnoException).code ?? (cause as Error).message}`, { cause })
  }
}
