/**
 * The account of a clause that keeps none: who waits for which descriptor. Called by `WaitFd.fromClause` only.
 */
import * as Exit from "effect/Exit"
import * as Fd from "../Fd.ts"
import type * as Handler from "../Handler.ts"
import type { WaitFdAccount, WaitFdClause, WaitFdRequest } from "../WaitFdHandler.ts"

export interface Ledger {
  readonly clause: WaitFdClause
  readonly account: WaitFdAccount
}

interface Entry {
  readonly request: WaitFdRequest
  /** Ends the wait; what is left to do is to tell the waiter. */
  readonly end: (error: Fd.FdError) => void
}

export const make = (clause: WaitFdClause): Ledger => {
  const waiting = new Map<number, Set<Entry>>()
  const exclusive = new Set<Entry>()
  const ended: Array<() => void> = []
  let telling = false

  /** Tells them one after the other: who is told that a descriptor closes may close the next one. */
  const tell = (): void => {
    if (telling) return
    telling = true
    let told = 0
    try {
      for (const next of ended) {
        told++
        next()
      }
    } finally {
      telling = false
      ended.splice(0, told)
      if (ended.length > 0) setImmediate(tell)
    }
  }

  const rivals = (request: WaitFdRequest, entries: Set<Entry>): boolean => {
    const candidates = request.exclusive ? entries : exclusive
    for (const entry of candidates) {
      if (entry.request.fd === request.fd && overlap(entry.request.interest, request.interest)) return true
    }
    return false
  }

  return {
    clause: (request, resume, context) => {
      const { fd } = request
      const entries = waiting.get(fd) ?? new Set()
      if (rivals(request, entries)) {
        resume(
          Exit.fail(Fd.busy(fd, "wait", "somebody waits for it in this direction, and one of you asked to be alone"))
        )
        return () => {}
      }
      let withdraw: Handler.Withdraw | undefined
      let withdrawn = false
      /** The first to call it ends the wait; answers whether the caller is that one. */
      const leave = (): boolean => {
        exclusive.delete(entry)
        if (!entries.delete(entry)) return false
        if (entries.size === 0) waiting.delete(fd)
        return true
      }
      const entry: Entry = {
        request,
        end: (error) => {
          if (!leave()) return
          withdraw?.()
          ended.push(() => {
            if (!withdrawn) resume(Exit.fail(error))
          })
        }
      }
      entries.add(entry)
      waiting.set(fd, entries)
      if (request.exclusive) exclusive.add(entry)
      try {
        withdraw = clause(
          request,
          (exit) => {
            if (leave()) resume(exit)
          },
          context
        )
      } catch (thrown) {
        leave()
        throw thrown
      }
      return () => {
        withdrawn = true
        if (leave()) withdraw?.()
      }
    },
    account: {
      leased: new Set(),
      notifyClosing: (fd) => {
        for (const entry of [...(waiting.get(fd) ?? [])]) entry.end(Fd.closing(fd, "wait"))
        tell()
      },
      statistics: () => {
        let readers = 0
        let writers = 0
        for (const entries of waiting.values()) {
          for (const { request } of entries) {
            if (request.interest !== "write") readers++
            if (request.interest !== "read") writers++
          }
        }
        return { readers, writers, descriptors: waiting.size }
      }
    }
  }
}

const overlap = (one: Fd.Interest, other: Fd.Interest): boolean =>
  one === other || one === "readwrite" || other === "readwrite"
