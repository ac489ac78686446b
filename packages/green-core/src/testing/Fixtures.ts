/**
 * Fixtures: the descriptors that the laws of `waitFd` are tried on, with the means to make them ready.
 *
 * `fixtures` makes them by `FdIo`, so it serves every handler that has one, real or virtual. A handler with a world of
 * its own gives its own.
 *
 * @since 0.1.0
 */
import * as Fs from "node:fs"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { FdError } from "../Fd.ts"
import { FdIo, WouldBlock } from "../FdIo.ts"

/**
 * A descriptor under test: one end of a two-way stream. Fresh, it is writable and not readable.
 *
 * @category models
 * @since 0.1.0
 */
export interface Endpoint<out R> {
  readonly fd: number
  /** Lets one more byte be read from it. */
  readonly makeReadable: Effect.Effect<void, FdError, R>
  /** Reads all that can be read from it: how many bytes. */
  readonly readAll: Effect.Effect<number, FdError, R>
  /** Fills it: no more can be written. */
  readonly makeUnwritable: Effect.Effect<void, FdError, R>
  /** Empties what was filled. */
  readonly makeWritable: Effect.Effect<void, FdError, R>
  /** The other side goes away. */
  readonly hangUp: Effect.Effect<void, FdError, R>
  /** Closes it, telling nobody. */
  readonly close: Effect.Effect<void, FdError, R>
  /** Closes it, telling nobody, and opens another one under the same number. For `"reuse"`. */
  readonly reuse?: Effect.Effect<Endpoint<R>, FdError, R | Scope.Scope>
}

/**
 * The makers of descriptors. What is made is closed with the scope, unless it was closed before. `R` is what they need
 * of the handler, beside `WaitFd`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fixtures<out R> {
  /** A fresh endpoint. */
  readonly endpoint: Effect.Effect<Endpoint<R>, FdError, R | Scope.Scope>
  /** A descriptor that is neither readable nor writable, and whose other side can go away. For `"hangup"`. */
  readonly hanging?: Effect.Effect<
    { readonly fd: number; readonly hangUp: Effect.Effect<void, FdError, R> },
    FdError,
    R | Scope.Scope
  >
  /** A descriptor that is neither readable nor writable, and a way to bring an error upon it. For `"error"`. */
  readonly failing?: Effect.Effect<
    { readonly fd: number; readonly makeError: Effect.Effect<void, FdError, R> },
    FdError,
    R | Scope.Scope
  >
  /** A number under which nothing is open any more. For `"closed"`. */
  readonly closed?: Effect.Effect<number, FdError, R>
  /** The descriptor of a file. For `"file"`. */
  readonly file?: Effect.Effect<number, FdError, R | Scope.Scope>
}

/** An open number, closed with the scope unless it was closed before. */
const owned = (fd: number): Effect.Effect<Effect.Effect<void, FdError, FdIo>, never, FdIo | Scope.Scope> =>
  Effect.suspend(() => {
    let open = true
    const close = Effect.suspend(() => {
      if (!open) return Effect.void
      open = false
      return FdIo.close(fd)
    })
    return Effect.as(
      Effect.addFinalizer(() => Effect.ignore(close)),
      close
    )
  })

const readAll = (fd: number): Effect.Effect<number, FdError, FdIo> =>
  Effect.gen(function* () {
    const bytes = new Uint8Array(65_536)
    let total = 0
    for (;;) {
      const count = yield* FdIo.read(fd, bytes)
      if (count === WouldBlock || count === 0) return total
      total += count
    }
  })

const writeAll = (fd: number): Effect.Effect<void, FdError, FdIo> =>
  Effect.gen(function* () {
    const bytes = new Uint8Array(65_536)
    while ((yield* FdIo.write(fd, bytes)) !== WouldBlock);
  })

const endpointOf = (fd: number, peer: number): Effect.Effect<Endpoint<FdIo>, never, FdIo | Scope.Scope> =>
  Effect.gen(function* () {
    const close = yield* owned(fd)
    const hangUp = yield* owned(peer)
    return {
      fd,
      makeReadable: Effect.asVoid(FdIo.write(peer, Uint8Array.of(1))),
      readAll: readAll(fd),
      makeUnwritable: writeAll(fd),
      makeWritable: Effect.asVoid(readAll(peer)),
      hangUp,
      close,
      reuse: Effect.andThen(close, reopen(fd))
    }
  })

const endpoint = Effect.flatMap(FdIo.makeSocketPair, ([fd, peer]) => endpointOf(fd, peer))

const reopen = (fd: number): Effect.Effect<Endpoint<FdIo>, FdError, FdIo | Scope.Scope> =>
  Effect.gen(function* () {
    const others: Array<number> = []
    // The system gives the lowest free number; lower ones are taken until it is this one.
    for (let attempt = 0; attempt < 100; attempt++) {
      const [one, other] = yield* FdIo.makeSocketPair
      if (one !== fd && other !== fd) {
        others.push(one, other)
        continue
      }
      yield* Effect.forEach(others, FdIo.close, { discard: true })
      return yield* one === fd ? endpointOf(one, other) : endpointOf(other, one)
    }
    yield* Effect.forEach(others, FdIo.close, { discard: true })
    return yield* Effect.die(new Error(`the number ${fd} did not come back`))
  })

const hanging = Effect.gen(function* () {
  const { reader, writer } = yield* FdIo.makePipe
  yield* Effect.asVoid(owned(reader))
  return { fd: reader, hangUp: yield* owned(writer) }
})

const failing = Effect.gen(function* () {
  const { reader, writer } = yield* FdIo.makePipe
  const closeReader = yield* owned(reader)
  yield* Effect.asVoid(owned(writer))
  yield* writeAll(writer)
  return { fd: writer, makeError: closeReader }
})

const closed = Effect.gen(function* () {
  const { reader, writer } = yield* FdIo.makePipe
  yield* FdIo.close(reader)
  yield* FdIo.close(writer)
  return reader
})

/**
 * Descriptors made by `FdIo`: for every handler that has one. There is no file among them: `systemFixtures` has one.
 *
 * @category constants
 * @since 0.1.0
 */
export const fixtures: Fixtures<FdIo> = { endpoint, hanging, failing, closed }

/**
 * The same, with a file of the operating system: for handlers of real descriptors.
 *
 * @category constants
 * @since 0.1.0
 */
export const systemFixtures: Fixtures<FdIo> = {
  ...fixtures,
  file: Effect.acquireRelease(
    Effect.sync(() => Fs.openSync(process.execPath, "r")),
    (fd) => Effect.sync(() => Fs.closeSync(fd))
  )
}
