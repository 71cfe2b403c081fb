// One question to one server: over UDP from a fresh port, over TCP where the answer does not fit.
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { encodeQuestion, failure, readAnswer, type Answer, type Question, type RecordType } from './message.ts'

/** Where a DNS server listens. */
export interface Server {
  /** An address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** Strangers' messages after which a question is given up: somebody is guessing. */
const maxStrangers = 1000

type Done = (answer: Answer) => void

/**
 * Asks once. Never rejects: what goes wrong is an answer that failed.
 * @param timeoutMs for UDP, and once more for TCP
 */
export async function ask(name: string, type: RecordType, server: Server, timeoutMs: number, signal: AbortSignal): Promise<Answer> {
  // A new id and a new port each time: who cannot see the question must guess both.
  const question = { id: randomInt(65_536), name, type }
  const answer = await inTime(timeoutMs, signal, (done) => overUdp(question, server, done))
  return answer.truncated ? inTime(timeoutMs, signal, (done) => overTcp(question, server, done)) : answer
}

/** Runs until it is done, the time is over or nobody wants to know any more; `start` answers how to end it. */
async function inTime(timeoutMs: number, signal: AbortSignal, start: (done: Done) => () => void): Promise<Answer> {
  if (signal.aborted) return failure('stopped')
  const { promise, resolve } = Promise.withResolvers<Answer>()
  const end = start(resolve)
  const timer = setTimeout(() => resolve(failure('no answer in time')), timeoutMs)
  const stopped = (): void => resolve(failure('stopped'))
  signal.addEventListener('abort', stopped)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stopped)
    end()
  }
}

function overUdp(question: Question, { host, port }: Server, done: Done): () => void {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  let strangers = 0
  socket.on('error', (error) => done(failure(error.message)))
  socket.on('message', (bytes) => {
    const answer = readAnswer(bytes, question)
    if (answer !== undefined) done(answer)
    else if (++strangers > maxStrangers) done(failure('too many answers to other questions'))
  })
  // Connected, the kernel drops what comes from elsewhere and tells when nobody listens there.
  socket.connect(port, host, () => socket.send(encodeQuestion(question), (error) => error && done(failure(error.message))))
  return () => socket.close()
}

function overTcp(question: Question, { host, port }: Server, done: Done): () => void {
  const socket = connect({ host, port })
  const bytes = encodeQuestion(question)
  let received = Buffer.alloc(0)
  socket.on('connect', () => socket.write(Buffer.concat([lengthOf(bytes), bytes])))
  socket.on('error', (error) => done(failure(error.message)))
  socket.on('close', () => done(failure('the connection ended without an answer')))
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk])
    if (received.length < 2) return
    const length = received.readUInt16BE(0)
    if (received.length >= length + 2) done(readWhole(received.subarray(2, length + 2), question))
  })
  return () => socket.destroy()
}

/** On a connection of our own nobody else can answer: what is no answer is a failure. */
function readWhole(bytes: Buffer, question: Question): Answer {
  const answer = readAnswer(bytes, question)
  return answer === undefined || answer.truncated ? failure('the answer is not one to the question') : answer
}

function lengthOf(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return length
}
