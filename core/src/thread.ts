// For threads that plugins make: the values that exchanges are made of, without the mesh that carries them, which takes half a second to load.
export { Exchange, Request, Response } from './exchange.ts'
export { Headers } from './headers.ts'
export { MeshError, toMeshError } from './errors.ts'
export { Metrics } from './metrics.ts'
export { KeyHash } from './key-hash.ts'
export { PeerCertificate } from './identity/peer-certificate.ts'
export { TcpConnection } from './tcp/tcp-connection.ts'
