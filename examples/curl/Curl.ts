/**
 * libcurl's multi interface, made green: many transfers, each a fiber's; their sockets are waited for by `waitFd` and
 * curl's one timer by `Effect.sleep`, so that curl itself never waits.
 *
 * curl says what it wants through callbacks, which it calls in the middle of its own functions. There, three things are
 * allowed: note what is wanted, take back a wait, and copy bytes. All else happens after curl has returned, in
 * `settle`.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberMap from "effect/FiberMap"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { type Fd, type FdError, type WaitFd, waitFd } from "green-core"
import * as C from "./libcurl.ts"

export class CurlError extends Data.TaggedError("CurlError")<{
  readonly url: string
  readonly code: number | undefined
  readonly problem: string
  readonly cause?: FdError
}> {
  override get message(): string {
    return `${this.url}: ${this.problem}`
  }
}

export interface Response {
  readonly status: number
  readonly body: string
}

export interface Curl {
  /**
   * Fails with `CurlError`. Interruption takes the transfer out of curl, which closes its socket. `timeout` is curl's
   * own (`CURLOPT_TIMEOUT_MS`); `Effect.timeout` does as well.
   */
  readonly get: (url: string, options?: { readonly timeout?: Duration.Input }) => Effect.Effect<Response, CurlError>
}

interface Transfer {
  readonly url: string
  readonly chunks: Array<Uint8Array>
  readonly resume: (exit: Exit.Exit<Response, CurlError>) => void
}

/** With the scope, the transfers that are left fail, and curl closes its connections. */
export const make = (libcurl: C.Libcurl): Effect.Effect<Curl, never, WaitFd | Scope.Scope> =>
  Effect.gen(function* () {
    const transfers = new Map<C.Handle, Transfer>()
    /** What curl wants to be waited for, by socket; its timer under -1, as curl has it. Noted, and not begun yet. */
    const noted = new Map<number, Effect.Effect<void, never, WaitFd>>()
    /** The fibers whose transfers are out of curl, to be told. */
    const ended: Array<() => void> = []
    let closed = false

    const withdraw = (fd: number): void =>
      Option.match(FiberMap.getUnsafe(waits, fd), { onNone: () => {}, onSome: (fiber) => fiber.interruptUnsafe() })

    const callbacks = yield* Effect.acquireRelease(
      Effect.sync(() =>
        C.callbacks({
          socket: (fd, what) => {
            noted.delete(fd)
            // Now, and not after curl has returned: it is about to close the socket.
            if (what === C.CURL_POLL_REMOVE) withdraw(fd)
            else noted.set(fd, watch(fd, interests[what] ?? "readwrite"))
          },
          timer: (milliseconds) => {
            noted.delete(C.CURL_SOCKET_TIMEOUT)
            if (milliseconds < 0) withdraw(C.CURL_SOCKET_TIMEOUT)
            else noted.set(C.CURL_SOCKET_TIMEOUT, ring(milliseconds))
          },
          write: (easy, bytes) => void transfers.get(easy)?.chunks.push(bytes)
        })
      ),
      ({ unregister }) => Effect.sync(unregister)
    )

    const multi = yield* Effect.acquireRelease(
      Effect.sync(() => {
        libcurl.globalInit(C.CURL_GLOBAL_DEFAULT)
        const multi = allocated(libcurl.multiInit())
        libcurl.setMultiPointer(multi, C.CURLMOPT_SOCKETFUNCTION, callbacks.socket)
        libcurl.setMultiPointer(multi, C.CURLMOPT_TIMERFUNCTION, callbacks.timer)
        return multi
      }),
      (multi) =>
        Effect.sync(() => {
          closed = true
          removeAll("curl was closed")
          libcurl.multiCleanup(multi)
          tell()
        })
    )

    const waits = yield* FiberMap.make<number>()
    const run = yield* FiberMap.runtime(waits)<WaitFd>()

    /** Waits for a socket again and again, until curl wants something else of it or closes it. */
    const watch = (fd: number, interest: Fd.Interest): Effect.Effect<void, never, WaitFd> =>
      waitFd(fd, interest).pipe(
        Effect.map(({ error, readable, writable }) =>
          act(
            fd,
            (readable ? C.CURL_CSELECT_IN : 0) | (writable ? C.CURL_CSELECT_OUT : 0) | (error ? C.CURL_CSELECT_ERR : 0)
          )
        ),
        Effect.forever,
        Effect.catch((error) =>
          Effect.sync(() => {
            removeAll(error.message, undefined, error)
            settle(C.OK)
          })
        )
      )

    const ring = (milliseconds: number): Effect.Effect<void> =>
      Effect.andThen(
        Effect.sleep(Duration.millis(milliseconds)),
        Effect.sync(() => act(C.CURL_SOCKET_TIMEOUT, 0))
      )

    const act = (fd: number, events: number): void => settle(libcurl.socketAction(multi, fd, events))

    /**
     * After each call of curl: takes out what is done, begins to wait for what was noted, and tells the fibers. A wait
     * begins a turn later: what is ready at once would go on, and call curl, before the map knows its fiber.
     */
    const settle = (code: number): void => {
      if (code !== C.OK) removeAll(libcurl.multiError(code), code)
      for (let done; (done = libcurl.nextDone(multi)) !== undefined;) finish(done.easy, done.result)
      for (const [fd, wait] of noted) run(fd, Effect.andThen(Effect.yieldNow, wait))
      noted.clear()
      tell()
    }

    /** Last of all: a fiber that is resumed goes on at once, and may close curl. */
    const tell = (): void => {
      for (const resume of ended.splice(0)) resume()
    }

    const finish = (easy: C.Handle, code: number): void => {
      const transfer = transfers.get(easy)
      if (transfer === undefined) return
      const { chunks, resume, url } = transfer
      const status = libcurl.responseCode(easy)
      remove(easy)
      const exit =
        code === C.OK
          ? Exit.succeed({ status, body: Buffer.concat(chunks).toString() })
          : Exit.fail(new CurlError({ url, code, problem: libcurl.easyError(code) }))
      ended.push(() => resume(exit))
    }

    const remove = (easy: C.Handle): void => {
      transfers.delete(easy)
      libcurl.removeHandle(multi, easy)
      libcurl.easyCleanup(easy)
    }

    const removeAll = (problem: string, code?: number, cause?: FdError): void => {
      for (const [easy, { resume, url }] of [...transfers]) {
        remove(easy)
        const error = new CurlError({ url, code, problem, ...(cause === undefined ? {} : { cause }) })
        ended.push(() => resume(Exit.fail(error)))
      }
    }

    return {
      get: (url, options = {}) =>
        Effect.callback<Response, CurlError>((resume) => {
          const refuse = (problem: string) => resume(Effect.fail(new CurlError({ url, code: undefined, problem })))
          // Its memory is gone: another call would end the process.
          if (closed) return refuse("curl was closed")
          if (url.includes("\0")) return refuse("it has a NUL, where C would cut it")
          const easy = allocated(libcurl.easyInit())
          libcurl.setString(easy, C.CURLOPT_URL, url)
          libcurl.setString(easy, C.CURLOPT_NOPROXY, "*")
          libcurl.setNumber(easy, C.CURLOPT_NOSIGNAL, 1)
          libcurl.setPointer(easy, C.CURLOPT_WRITEFUNCTION, callbacks.write)
          libcurl.setPointer(easy, C.CURLOPT_WRITEDATA, easy)
          if (options.timeout !== undefined) {
            libcurl.setNumber(easy, C.CURLOPT_TIMEOUT_MS, Math.ceil(Duration.toMillis(options.timeout)))
          }
          transfers.set(easy, { url, chunks: [], resume })
          settle(libcurl.addHandle(multi, easy))
          return Effect.sync(() => {
            if (!transfers.has(easy)) return
            remove(easy)
            settle(C.OK)
          })
        })
    }
  })

/** `CURL_POLL_IN`, `CURL_POLL_OUT` and `CURL_POLL_INOUT`. */
const interests: Readonly<Record<number, Fd.Interest>> = { 1: "read", 2: "write", 3: "readwrite" }

const allocated = (handle: C.Handle | null): C.Handle => {
  if (handle === null) throw new Error("libcurl is out of memory")
  return handle
}
