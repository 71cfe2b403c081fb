// What a registry knows, on disk: an SQLite file of its own, so that a restart loses nothing.
import { randomUUID } from 'node:crypto'
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { fromInstance, toInstance, type Instance } from './instance.ts'
import { Refusal } from './refusal.ts'

/** An instance, and who may end it. */
export interface Held {
  readonly instance: Instance
  readonly lease: string
}

/** Where a registry writes down what it knows. Every write is whole or not at all. @throws Refusal REGISTRY_STORE_FAILED, from each method */
export interface Store {
  /** Made with the file: another one says that everything may be forgotten. */
  readonly registryId: string
  /** The number of the last change that was written. */
  readonly revision: number
  /** Whether nothing had ever been written. */
  readonly isNew: boolean
  /** What is there, at the start. */
  readonly held: readonly Held[]
  put(held: Held, replaced: readonly Instance[], revision: number): void
  remove(instances: readonly Instance[], revision: number): void
  close(): void
}

/** In memory only: a restart begins anew. */
export const inMemory = ':memory:'

/** The number of the tables' shape, in the file's own header. */
const shape = 1
const busyMs = 1000

/**
 * Opens the file, or makes it with the folder it is in. Only one process may have it open.
 * @param path of the file, or {@link inMemory}
 * @throws Refusal REGISTRY_STORE_FAILED with what is wrong with the file
 */
export function openStore(path: string, warn: (text: string) => void): Store {
  try {
    return new SqliteStore(path, warn)
  } catch (thrown) {
    throw thrown instanceof Refusal ? thrown : failed(path, thrown)
  }
}

class SqliteStore implements Store {
  readonly registryId: string
  readonly revision: number
  readonly isNew: boolean
  readonly held: readonly Held[]
  readonly #path: string
  readonly #database: DatabaseSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #setRevision: StatementSync

  constructor(path: string, warn: (text: string) => void) {
    this.#path = path
    this.#database = openDatabase(path)
    try {
      this.isNew = prepareTables(this.#database, path)
      claim(this.#database, path)
      this.#put = this.#database.prepare('INSERT INTO instance (service, id, body, lease) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body, lease = excluded.lease')
      this.#remove = this.#database.prepare('DELETE FROM instance WHERE service = ? AND id = ?')
      this.#setRevision = this.#database.prepare('UPDATE registry SET revision = ?')
      const row = this.#database.prepare('SELECT id, revision FROM registry').get() ?? {}
      this.registryId = String(row['id'])
      this.revision = Number(row['revision'])
      this.held = this.#database.prepare('SELECT body, lease FROM instance').all().flatMap((one) => toHeld(one, warn))
    } catch (thrown) {
      this.#database.close()
      throw thrown
    }
  }

  put({ instance, lease }: Held, replaced: readonly Instance[], revision: number): void {
    this.#write(() => {
      for (const { service, id } of replaced) this.#remove.run(service, id)
      this.#put.run(instance.service, instance.id, JSON.stringify(fromInstance(instance)), lease)
      this.#setRevision.run(revision)
    })
  }

  remove(instances: readonly Instance[], revision: number): void {
    this.#write(() => {
      for (const { service, id } of instances) this.#remove.run(service, id)
      this.#setRevision.run(revision)
    })
  }

  close(): void {
    this.#database.close()
  }

  #write(work: () => void): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        work()
        this.#database.exec('COMMIT')
      } catch (thrown) {
        // A full disk may have ended the transaction already.
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        throw thrown
      }
    } catch (thrown) {
      throw failed(this.#path, thrown)
    }
  }
}

function openDatabase(path: string): DatabaseSync {
  if (path !== inMemory) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // Made here if it is not there: what SQLite writes beside it gets the mode that the file has by then.
    closeSync(openSync(path, 'a', 0o600))
  }
  // Asked for here: threads and meshes that keep no registry do not load SQLite.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  return new DatabaseSync(path, { timeout: busyMs })
}

/**
 * One process has the file to itself. Without a sync for each write, which would hold up the thread: the end of the
 * process loses nothing then, and what a power cut loses is registered again by its next heartbeat.
 */
function claim(database: DatabaseSync, path: string): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN EXCLUSIVE; COMMIT')
  if (path !== inMemory) chmodSync(path, 0o600)
}

/** Whether the tables had to be made. Somebody else's file is not touched. */
function prepareTables(database: DatabaseSync, path: string): boolean {
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'])
  if (found === shape) return false
  const { tables } = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() ?? {}
  if (found !== 0 || tables !== 0) throw new Refusal('REGISTRY_STORE_FAILED', `${path} is no registry of this version`)
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE registry (id TEXT NOT NULL, revision INTEGER NOT NULL) STRICT;
    INSERT INTO registry VALUES ('${randomUUID()}', 0);
    CREATE TABLE instance (service TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, lease TEXT NOT NULL, PRIMARY KEY (service, id)) STRICT, WITHOUT ROWID;
    PRAGMA user_version = ${shape};
    COMMIT`)
  return true
}

function toHeld({ body, lease }: Record<string, unknown>, warn: (text: string) => void): Held[] {
  try {
    return [{ instance: toInstance(JSON.parse(String(body)), true), lease: String(lease) }]
  } catch (thrown) {
    warn(`an instance in the registry's file is not valid and left out: ${(thrown as Error).message}`)
    return []
  }
}

function failed(path: string, thrown: unknown): Refusal {
  const { message } = thrown as Error
  const why = /locked|busy/.test(message) ? 'another process has it open' : message
  return new Refusal('REGISTRY_STORE_FAILED', `${path}: ${why}`, thrown)
}
