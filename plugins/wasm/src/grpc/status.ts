// gRPC's own statuses, and which of them stands for what went wrong with HTTP/2.
import { constants } from 'node:http2'

export const GrpcStatus = { ok: 0, cancelled: 1, unknown: 2, deadlineExceeded: 4, permissionDenied: 7, resourceExhausted: 8, unimplemented: 12, internal: 13, unavailable: 14, unauthenticated: 16 } as const

/** Of a response that is none of gRPC. @source gRPC, "HTTP to gRPC Status Code Mapping" */
export function statusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return GrpcStatus.internal
    case 401:
      return GrpcStatus.unauthenticated
    case 403:
      return GrpcStatus.permissionDenied
    case 404:
      return GrpcStatus.unimplemented
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcStatus.unavailable
    default:
      return GrpcStatus.unknown
  }
}

/** Of a stream that was reset. @source gRPC over HTTP/2, "HTTP2 Transport Mapping: Errors" */
export function statusOfReset(code: number): number {
  switch (code) {
    case constants.NGHTTP2_REFUSED_STREAM:
      return GrpcStatus.unavailable
    case constants.NGHTTP2_CANCEL:
      return GrpcStatus.cancelled
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return GrpcStatus.resourceExhausted
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return GrpcStatus.permissionDenied
    default:
      return GrpcStatus.internal
  }
}

/** `grpc-status` of a head or of trailers; undefined: it says nothing, or nothing that is one. */
export function statusIn(value: string | string[] | undefined): number | undefined {
  const text = Array.isArray(value) ? value[0] : value
  return text === undefined || !/^\d{1,9}$/.test(text) ? undefined : Number(text)
}

/** `grpc-message`, which is percent-encoded UTF-8; one byte per character, as guests have texts. */
export function messageIn(value: string | string[] | undefined): string {
  const text = (Array.isArray(value) ? value[0] : value) ?? ''
  return text.replaceAll(/%([0-9a-fA-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
