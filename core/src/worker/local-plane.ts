// A whole mesh in this thread.
import type { MeshApp } from '../mesh.ts'
import { defaultGraceMs } from '../runtime.ts'
import type { Bound } from '../scope.ts'
import type { MeshSpec } from '../spec.ts'
import { statesOf } from './endpoint-states.ts'
import { ListenerPlan } from './listener-plan.ts'
import type { Plane, ServiceReport, WorkerState } from './plane.ts'

export class LocalPlane implements Plane {
  readonly #app: MeshApp
  readonly #plan: ListenerPlan
  #revision = 0
  #drained = false

  /** @param app ready, with its plugins */
  constructor(app: MeshApp) {
    this.#app = app
    this.#plan = new ListenerPlan(app.mesh.runtime.listeners)
  }

  get listeners(): readonly Bound[] {
    return this.#plan.bound
  }

  get revision(): number {
    return this.#revision
  }

  get inFlight(): number {
    return this.#app.mesh.runtime.deadlines.size
  }

  async apply(spec: MeshSpec): Promise<void> {
    // The first listeners must not meet a mesh without routes; later ones open first, because opening is what may fail.
    if (this.#revision === 0) await this.#app.mesh.apply(spec)
    const listeners = await this.#plan.prepare(spec.listeners ?? [])
    try {
      if (this.#revision > 0) await this.#app.mesh.apply(spec)
    } catch (thrown) {
      listeners.undo()
      throw thrown
    }
    listeners.commit(spec.drainMs ?? defaultGraceMs)
    this.#revision++
  }

  async services(): Promise<ServiceReport> {
    return { services: statesOf(this.#app.mesh.snapshot), answered: 1, asked: 1 }
  }

  workers(): WorkerState[] {
    const { openConnections, draining } = this.#app.mesh.runtime
    const state = this.#drained ? 'ended' : draining ? 'draining' : 'running'
    return [{ worker: 0, threadId: 0, state, restarts: 0, lastRestartReason: null, heartbeatAgeMs: 0, connections: openConnections, inFlight: this.inFlight, revision: this.#revision, error: null }]
  }

  async drain(graceMs: number): Promise<void> {
    await this.#app.mesh.drain(graceMs)
    this.#drained = true
  }

  async close(graceMs: number): Promise<void> {
    await this.drain(graceMs)
    await this.#app.close()
  }
}
