// The helpers of the whole-proxy tests.
export { type Echo, type HttpEndpoint, echoEndpoint, httpEndpoint } from './echo-endpoint.ts'
export { type RawRequest, type RawResponse } from './message.ts'
export { rawClient } from './raw-client.ts'
export { RawEndpoint, answeringEndpoint, ok, rawEndpoint } from './raw-endpoint.ts'
export { type Ended, type MeshSetup, type TestMesh, seenBy, startMesh } from './start-mesh.ts'
export { until } from './until.ts'
export { Wire } from './wire.ts'
export { answer, codeOf, expectRefused, forwarded, get, http, post, smuggled } from './http.ts'
