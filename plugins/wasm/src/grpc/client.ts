// Calls services of the mesh by gRPC: endpoints are lent by the core, connections are kept, what cannot be called says so later.
import type { Buffer } from 'node:buffer'
import { MeshError, type Borrowed, type Mesh } from '@meshwright/core'
import type { GrpcCall, GrpcEvents } from '../host/surroundings.ts'
import { Call, type Asked } from './call.ts'
import { Connections } from './connections.ts'
import { GrpcStatus } from './status.ts'

export class GrpcClient {
  readonly #mesh: Mesh
  readonly #connections = new Connections()

  constructor(mesh: Mesh) {
    this.#mesh = mesh
  }

  /** Undefined: there is no such service. Whatever else may be wrong is an event. */
  open(service: string, path: string, metadata: readonly string[], timeoutMs: number, events: GrpcEvents): GrpcCall | undefined {
    if (!this.#mesh.snapshot.services.has(service)) return undefined
    let borrowed: Borrowed
    try {
      borrowed = this.#mesh.borrow(service)
    } catch (thrown) {
      return new Refused(events, GrpcStatus.unavailable, thrown instanceof MeshError ? thrown.code : 'MESH_INTERNAL')
    }
    return this.#openTo(borrowed, { authority: service, secure: borrowed.secure, path, metadata, timeoutMs }, events)
  }

  close(): void {
    this.#connections.close()
  }

  #openTo(borrowed: Borrowed, asked: Asked, events: GrpcEvents): GrpcCall {
    const session = this.#connections.take(borrowed)
    if (session === undefined) {
      borrowed.giveBack(new MeshError('MESH_OVERFLOW', 'too many gRPC connections'))
      return new Refused(events, GrpcStatus.unavailable, 'MESH_OVERFLOW')
    }
    const over = (error?: MeshError): void => {
      this.#connections.give(borrowed, session)
      borrowed.giveBack(error)
    }
    try {
      return new Call(session, asked, events, over)
    } catch (thrown) {
      over(new MeshError('MESH_INTERNAL', 'a gRPC call that HTTP cannot carry', thrown))
      return new Refused(events, GrpcStatus.internal, 'the metadata cannot be sent')
    }
  }
}

/** A call that never was one: the guest is told later, as of any other. */
class Refused implements GrpcCall {
  #cancelled = false

  constructor(events: GrpcEvents, status: number, message: string) {
    setImmediate(() => {
      if (this.#cancelled) return
      events.initialMetadata([])
      events.trailingMetadata([])
      events.closed(status, message)
    })
  }

  send(_message: Buffer, _last: boolean): void {}

  end(): void {}

  cancel(): void {
    this.#cancelled = true
  }
}
