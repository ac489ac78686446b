/**
 * Scripted descriptors: ready for what they were told to be ready for. They carry no bytes.
 */
import type { Readiness } from "../Fd.ts"
import { EINVAL, ENOTSOCK, type OpenFile } from "./OpenFile.ts"

export class ScriptedFile implements OpenFile {
  fd = -1
  nonBlocking = true
  readonly alwaysReady = false
  readonly other = undefined
  #readiness: Readiness = { readable: false, writable: false, hangup: false, error: false }

  set(changes: Partial<Readiness>): void {
    this.#readiness = { ...this.#readiness, ...changes }
  }

  readonly poll = (): Readiness => this.#readiness
  readonly read = (): number => -EINVAL
  readonly write = (): number => -EINVAL
  readonly shutdown = (): number => -ENOTSOCK
  readonly close = (): void => {}
}
