// What every filter promises, of this one.
import { PassThrough } from 'node:stream'
import { testFilter } from '@meshwright/core/testing'
import { test } from 'vitest'
import { accessLog } from './index.ts'

testFilter(() => accessLog({ destination: new PassThrough().resume(), requestHeaders: ['cookie'], responseHeaders: ['set-cookie'] }), { test })
