// What every health check promises, of this one.
import { testHealthCheck } from '@meshwright/core/testing'
import { test } from 'vitest'
import { tcp } from './tcp.ts'

testHealthCheck(() => tcp(), { test, connectionIsEnough: true })
testHealthCheck(() => tcp({ send: 'PING\r\n', expect: '+PONG' }), { test, well: (socket) => void socket.once('data', () => socket.write('+PONG\r\n')), ill: (socket) => void socket.end('-LOADING\r\n') })
