// It keeps what every filter promises, with a key and without.
import { testFilter } from '@meshwright/core/testing'
import { test } from 'vitest'
import { apiKeys } from './api-keys.ts'

testFilter(() => apiKeys({ keys: { k1: 'acme' } }), { test, requests: [{ headers: { 'x-api-key': 'k1' } }, { method: 'POST', body: 'text', headers: { 'x-api-key': 'k9' } }] })
