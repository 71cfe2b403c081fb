// Numbers of the ABI that have names.

/** What a callback makes of its stream: it goes on, or waits until somebody resumes it. */
export enum Action {
  Continue = 0,
  Pause = 1,
}

/** Of log lines. */
export enum Level {
  Trace = 0,
  Debug = 1,
  Info = 2,
  Warn = 3,
  Error = 4,
  Critical = 5,
}

/** Which headers or trailers a {@link Headers} stands for. */
export enum MapType {
  RequestHeaders = 0,
  RequestTrailers = 1,
  ResponseHeaders = 2,
  ResponseTrailers = 3,
  CallResponseHeaders = 6,
  CallResponseTrailers = 7,
}

/** Which bytes a {@link Body} stands for. */
export enum BufferType {
  RequestBody = 0,
  ResponseBody = 1,
  DownstreamData = 2,
  UpstreamData = 3,
  CallResponseBody = 4,
  VmConfiguration = 6,
  PluginConfiguration = 7,
}

/** What waits until it is let go: a direction of a request, or the client's side of a connection. */
export enum Direction {
  None = -1,
  Request = 0,
  Response = 1,
  Downstream = 2,
}

/** Who has ended a side of a connection: the proxy, or the one at its other end. */
export enum ClosedBy {
  Unknown = 0,
  Local = 1,
  Remote = 2,
}
