/**
 * Waits that cannot go into the set yet: kept in their order, until they go into it together.
 */
import * as Exit from "effect/Exit"
import * as Fd from "../Fd.ts"
import type * as Handler from "../Handler.ts"
import type { WaitFdRequest, WaitFdStatistics } from "../WaitFdHandler.ts"

type Resume = Handler.Resume<Fd.Readiness, Fd.FdError>

interface EarlyWait {
  readonly request: WaitFdRequest
  readonly resume: Resume
  /** Withdraws it from where it is. */
  withdraw: Handler.Withdraw
}

export class EarlyWaits {
  readonly #waits = new Set<EarlyWait>()
  readonly #changed: () => void

  /** `changed` is called when there are more or fewer. */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  get waited(): boolean {
    return this.#waits.size > 0
  }

  readonly register = (request: WaitFdRequest, resume: Resume): Handler.Withdraw => {
    const wait: EarlyWait = { request, resume, withdraw: () => void this.#leave(wait) }
    this.#waits.add(wait)
    this.#changed()
    return () => wait.withdraw()
  }

  /** Registers all of them elsewhere. */
  moveTo(register: (request: WaitFdRequest, resume: Resume) => Handler.Withdraw): void {
    for (const wait of this.#waits) {
      if (this.#leave(wait)) wait.withdraw = register(wait.request, wait.resume)
    }
  }

  /** Fails those on a descriptor, or all. */
  fail(reason: Fd.FdErrorReason, fd?: number): void {
    const concerned = [...this.#waits].filter(({ request }) => fd === undefined || request.fd === fd)
    for (const wait of concerned) {
      if (this.#leave(wait)) {
        wait.resume(Exit.fail(new Fd.FdError({ fd: wait.request.fd, operation: "wait", reason })))
      }
    }
  }

  get statistics(): WaitFdStatistics {
    const requests = [...this.#waits].map(({ request }) => request)
    return {
      readers: requests.filter(({ interest }) => interest !== "write").length,
      writers: requests.filter(({ interest }) => interest !== "read").length,
      descriptors: new Set(requests.map(({ fd }) => fd)).size
    }
  }

  #leave(wait: EarlyWait): boolean {
    const hasLeft = this.#waits.delete(wait)
    if (hasLeft) this.#changed()
    return hasLeft
  }
}
