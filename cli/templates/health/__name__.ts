// The answer: connects, and waits for the greeting that well servers begin with.
import { connect } from 'node:net'
import { Unfit, type HealthCheck, type HealthSchedule } from '@meshwright/core'

/** When and how often: see {@link HealthSchedule}. */
export interface __Camel__Options extends HealthSchedule {
  /** What a server that is well says first, as `220` in SMTP and FTP. 1 to 100 ASCII characters. */
  readonly greeting: string
}

/** An endpoint is fit if it greets so. Another greeting is an `Unfit`: it has said so itself. */
export function __camel__(options: __Camel__Options): HealthCheck {
  const { greeting, ...schedule } = options
  return {
    ...schedule,
    async check({ host, port }, signal) {
      const socket = connect({ host, port, signal })
      try {
        await hear(socket, greeting)
      } finally {
        socket.destroy()
      }
    },
  }
}

async function hear(socket: AsyncIterable<Buffer>, greeting: string): Promise<void> {
  let heard = ''
  for await (const chunk of socket) {
    heard += chunk.toString('latin1')
    if (heard.startsWith(greeting)) return
    if (heard.length >= greeting.length) throw new Unfit(`it greets with ${JSON.stringify(heard.slice(0, 100))}`)
  }
  throw new Error('it closed the connection without a greeting')
}
