/**
 * The laws of `FdIo`: what Linux does with pipes and with pairs of stream sockets, for whoever plays Linux.
 *
 * @since 0.1.0
 */
import * as Assert from "node:assert/strict"
import * as Effect from "effect/Effect"
import { FdError } from "../Fd.ts"
import { FdIo, WouldBlock } from "../FdIo.ts"
import { type Law, maker, type Subject } from "./Law.ts"

/**
 * The laws of `FdIo`.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import * as Effect from "effect/Effect"
 * import { Green } from "green-core"
 * import { fdIoLaws, turnsOfTheLoop } from "green-core/testing"
 *
 * const laws = fdIoLaws({
 *   name: "event loop",
 *   run: (program) => Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Green.layer))),
 *   settle: turnsOfTheLoop,
 *   capabilities: []
 * })
 *
 * export const check = () => {
 *   for (const law of laws) it.skipIf(law.skipped !== undefined)(law.name, law.run)
 * }
 * ```
 *
 * @category laws
 * @since 0.1.0
 */
export const fdIoLaws = (subject: Subject<FdIo>): ReadonlyArray<Law> => {
  const law = maker(subject)

  return [
    law("1. what is written to a pipe is read from it, in order, and once", [], () =>
      Effect.gen(function* () {
        const { reader, writer } = yield* pipe
        Assert.equal(yield* FdIo.write(writer, text("one")), 3)
        Assert.equal(yield* FdIo.write(writer, text("two")), 3)
        Assert.equal(yield* read(reader, 4), "onet")
        Assert.equal(yield* read(reader, 4), "wo")
        Assert.equal(yield* read(reader, 4), WouldBlock)
      })
    ),

    law("1. what is written to one end of a socket pair is read from the other, both ways", [], () =>
      Effect.gen(function* () {
        const [one, two] = yield* socketPair
        yield* FdIo.write(one, text("to two"))
        yield* FdIo.write(two, text("to one"))
        Assert.equal(yield* read(two, 64), "to two")
        Assert.equal(yield* read(one, 64), "to one")
        Assert.equal(yield* read(one, 64), WouldBlock)
      })
    ),

    law("2. a read gives what there is, and touches no other byte", [], () =>
      Effect.gen(function* () {
        for (const [reader, writer] of yield* streams) {
          yield* FdIo.write(writer, Uint8Array.of(1, 2))
          const bytes = new Uint8Array(8)
          Assert.equal(yield* FdIo.read(reader, bytes.subarray(2, 6)), 2)
          Assert.deepEqual([...bytes], [0, 0, 1, 2, 0, 0, 0, 0])
        }
      })
    ),

    law("3. a read with nothing to read answers WouldBlock, at once", [], () =>
      Effect.gen(function* () {
        for (const [reader] of yield* streams) {
          Assert.equal(yield* read(reader, 1), WouldBlock)
          Assert.equal(yield* read(reader, 1), WouldBlock)
        }
      })
    ),

    law("4. a write takes as much as there is room for, then answers WouldBlock; reading makes room", [], () =>
      Effect.gen(function* () {
        const large = new Uint8Array(4 * 1024 * 1024)
        for (let index = 0; index < large.length; index++) large[index] = index % 251
        for (const [reader, writer] of yield* streams) {
          const taken = yield* FdIo.write(writer, large)
          Assert.ok(taken !== WouldBlock && taken > 0 && taken < large.byteLength, String(taken))
          let total = taken
          for (;;) {
            const more = yield* FdIo.write(writer, large.subarray(total))
            if (more === WouldBlock) break
            total += more
          }
          const all = yield* readAll(reader)
          Assert.ok(Buffer.from(large.buffer, 0, total).equals(all), "the bytes came changed")
          Assert.equal(yield* FdIo.write(writer, text("room")), 4)
        }
      })
    ),

    law("5. when the writer has gone, the rest is read, then the end: 0, again and again", [], () =>
      Effect.gen(function* () {
        for (const [reader, writer] of yield* streams) {
          yield* FdIo.write(writer, text("rest"))
          yield* FdIo.close(writer)
          Assert.equal(yield* read(reader, 64), "rest")
          Assert.equal(yield* read(reader, 64), "")
          Assert.equal(yield* read(reader, 64), "")
        }
      })
    ),

    law("6. a write to a stream whose reader has gone fails with EPIPE, and kills nobody", [], () =>
      Effect.gen(function* () {
        for (const [reader, writer] of yield* streams) {
          yield* FdIo.close(reader)
          for (const _ of ["first", "second"]) {
            systemError(yield* Effect.flip(FdIo.write(writer, text("lost"))), "write", writer, "EPIPE")
          }
        }
      })
    ),

    law("7. when a peer has gone that had not read all, a read fails with ECONNRESET, once", [], () =>
      Effect.gen(function* () {
        const [one, two] = yield* socketPair
        yield* FdIo.write(one, text("never read"))
        yield* FdIo.close(two)
        systemError(yield* Effect.flip(read(one, 64)), "read", one, "ECONNRESET")
        Assert.equal(yield* read(one, 64), "")
      })
    ),

    law("8. a shutdown ends one direction: the peer reads the end, and can still write", [], () =>
      Effect.gen(function* () {
        const [one, two] = yield* socketPair
        yield* FdIo.write(one, text("last"))
        yield* FdIo.shutdown(one)
        Assert.equal(yield* read(two, 64), "last")
        Assert.equal(yield* read(two, 64), "")
        yield* FdIo.write(two, text("answer"))
        Assert.equal(yield* read(one, 64), "answer")
        Assert.equal(yield* read(one, 64), WouldBlock)
        systemError(yield* Effect.flip(FdIo.write(one, text("more"))), "write", one, "EPIPE")
        yield* FdIo.shutdown(one)
      })
    ),

    law("9. a shutdown of what is no socket fails with ENOTSOCK", [], () =>
      Effect.gen(function* () {
        const { reader, writer } = yield* pipe
        systemError(yield* Effect.flip(FdIo.shutdown(reader)), "shutdown", reader, "ENOTSOCK")
        systemError(yield* Effect.flip(FdIo.shutdown(writer)), "shutdown", writer, "ENOTSOCK")
      })
    ),

    law("10. every operation on a number under which nothing is open fails with BadDescriptor", [], () =>
      Effect.gen(function* () {
        const { reader, writer } = yield* FdIo.makePipe
        yield* FdIo.close(writer)
        yield* FdIo.close(reader)
        for (const [operation, perform] of operations) {
          badDescriptor(yield* Effect.flip(perform(reader)), operation, reader)
        }
      })
    ),

    law("10. every operation on what is no descriptor fails with BadDescriptor, and names the value", [], () =>
      Effect.gen(function* () {
        for (const value of [-1, Number.NaN, 1.5, 1e10]) {
          for (const [operation, perform] of operations) {
            const error = badDescriptor(yield* Effect.flip(perform(value)), operation, value)
            Assert.ok(error.message.includes(String(value)), error.message)
          }
        }
      })
    ),

    law("11. a pipe is read at its reader and written at its writer; the other way round fails", [], () =>
      Effect.gen(function* () {
        const { reader, writer } = yield* pipe
        badDescriptor(yield* Effect.flip(read(writer, 1)), "read", writer)
        badDescriptor(yield* Effect.flip(FdIo.write(reader, text("x"))), "write", reader)
      })
    ),

    law("12. what is made does not block, and the flag can be cleared and set", [], () =>
      Effect.gen(function* () {
        const { reader, writer } = yield* pipe
        for (const fd of [reader, writer, ...(yield* socketPair)]) {
          Assert.equal(yield* FdIo.isNonBlocking(fd), true)
          yield* FdIo.setNonBlocking(fd, false)
          Assert.equal(yield* FdIo.isNonBlocking(fd), false)
          yield* FdIo.setNonBlocking(fd, true)
          Assert.equal(yield* FdIo.isNonBlocking(fd), true)
        }
      })
    ),

    law("13. what is made has a number of its own; closing gives the number back", [], () =>
      Effect.gen(function* () {
        const { reader, writer } = yield* pipe
        const numbers = [reader, writer, ...(yield* socketPair)]
        Assert.equal(new Set(numbers).size, numbers.length)
        yield* FdIo.close(reader)
        badDescriptor(yield* Effect.flip(FdIo.close(reader)), "close", reader)
        Assert.equal(yield* FdIo.isNonBlocking(writer), true, "the other end stays open")
      })
    )
  ]
}

/** Closed with the scope, unless it was closed before; nothing else may open a descriptor meanwhile. */
const closing = (fd: number) => Effect.addFinalizer(() => Effect.ignore(FdIo.close(fd)))

const pipe = Effect.tap(FdIo.makePipe, ({ reader, writer }) => Effect.andThen(closing(reader), closing(writer)))

const socketPair = Effect.tap(FdIo.makeSocketPair, (ends) => Effect.forEach(ends, closing, { discard: true }))

/** A reader and its writer, of each kind. */
const streams = Effect.gen(function* () {
  const { reader, writer } = yield* pipe
  return [[reader, writer] as const, yield* socketPair]
})

const text = (string: string): Uint8Array => new TextEncoder().encode(string)

const read = (fd: number, length: number): Effect.Effect<string | WouldBlock, FdError, FdIo> =>
  Effect.gen(function* () {
    const bytes = new Uint8Array(length)
    const count = yield* FdIo.read(fd, bytes)
    return count === WouldBlock ? WouldBlock : new TextDecoder().decode(bytes.subarray(0, count))
  })

const readAll = (fd: number): Effect.Effect<Buffer, FdError, FdIo> =>
  Effect.gen(function* () {
    const all: Array<Uint8Array> = []
    for (;;) {
      const bytes = new Uint8Array(100_000)
      const count = yield* FdIo.read(fd, bytes)
      if (count === WouldBlock || count === 0) return Buffer.concat(all)
      all.push(bytes.subarray(0, count))
    }
  })

const operations: ReadonlyArray<readonly [string, (fd: number) => Effect.Effect<unknown, FdError, FdIo>]> = [
  ["read", (fd) => FdIo.read(fd, new Uint8Array(1))],
  ["write", (fd) => FdIo.write(fd, new Uint8Array(1))],
  ["shutdown", FdIo.shutdown],
  ["close", FdIo.close],
  ["isNonBlocking", FdIo.isNonBlocking],
  ["setNonBlocking", (fd) => FdIo.setNonBlocking(fd, true)]
]

const badDescriptor = (error: unknown, operation: string, value: number): FdError => {
  Assert.ok(error instanceof FdError)
  Assert.equal(error.operation, operation)
  Assert.ok(error.reason._tag === "BadDescriptor" && Object.is(error.reason.value, value), error.message)
  return error
}

const systemError = (error: unknown, operation: string, fd: number, code: string): void => {
  Assert.ok(error instanceof FdError)
  Assert.deepEqual([error.operation, error.fd], [operation, fd])
  Assert.ok(error.reason._tag === "System" && error.reason.code === code, error.message)
}
