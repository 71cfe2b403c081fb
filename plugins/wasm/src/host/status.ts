// The numbers that guests and host speak in: proxy-wasm ABI 0.1.0 to 0.2.1.

/** What a host function answers. Guests die of a wrong one, so they are part of the contract. */
export const Status = {
  ok: 0,
  notFound: 1,
  badArgument: 2,
  serializationFailure: 3,
  parseFailure: 4,
  badExpression: 5,
  invalidMemoryAccess: 6,
  empty: 7,
  casMismatch: 8,
  resultMismatch: 9,
  internalFailure: 10,
  brokenConnection: 11,
  unimplemented: 12,
} as const
export type Status = (typeof Status)[keyof typeof Status]

export const LogLevel = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, critical: 5 } as const

export const BufferType = {
  requestBody: 0,
  responseBody: 1,
  downstreamData: 2,
  upstreamData: 3,
  callBody: 4,
  grpcMessage: 5,
  vmConfiguration: 6,
  pluginConfiguration: 7,
  foreignData: 8,
} as const

export const MapType = {
  requestHeaders: 0,
  requestTrailers: 1,
  responseHeaders: 2,
  responseTrailers: 3,
  grpcInitialMetadata: 4,
  grpcTrailingMetadata: 5,
  callHeaders: 6,
  callTrailers: 7,
} as const

export const StreamType = { request: 0, response: 1, downstream: 2, upstream: 3 } as const

export const MetricType = { counter: 0, gauge: 1, histogram: 2 } as const

/** What a header callback answers. Guests of the plain ABI only know 0 and 1. */
export const HeadersAction = { continue: 0, stop: 1, continueAndEnd: 2, stopAndBuffer: 3, stopAndWatermark: 4 } as const

/** What a body callback answers. */
export const BodyAction = { continue: 0, buffer: 1, watermark: 2, noBuffer: 3 } as const
