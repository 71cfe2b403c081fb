// What authors of filters test with: compiled filters on the real host, without a mesh, and what can be said of a module.
export { loadFilter, type LoadFilterOptions } from './load-filter.ts'
export type { TestFilter } from './test-filter.ts'
export { FilterFailure } from './filter-failure.ts'
export type { PausedIn, StreamOutcome, TestReply, TestRequest, TestResponse, TestStream } from './test-stream.ts'
export type { CallAnswer, CallError, CallState, TestCall, TestGrpcCall } from './calls.ts'
export type { PassedMessage, ReceivedResponse, SentRequest, TestBody, TestFields } from './messages.ts'
export type { TestQueues, TestSharedData } from './guest-state.ts'
export type { LogLine, TestProperty, TestWorld } from './test-surroundings.ts'
