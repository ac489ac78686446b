/** Input and output on real descriptors, beyond the laws, and interposition. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { Fd, FdIo, Green, WouldBlock } from "green-core"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

const file = (path: string, flags: string | number = "r") =>
  Effect.acquireRelease(
    Effect.sync(() => Fs.openSync(path, flags)),
    (fd) => Effect.sync(() => Fs.closeSync(fd))
  )

const pipe = Effect.acquireRelease(FdIo.makePipe, ({ reader, writer }) =>
  Effect.andThen(Effect.ignore(FdIo.close(reader)), Effect.ignore(FdIo.close(writer)))
)

const text = (string: string) => new TextEncoder().encode(string)

describe("FdIo", () => {
  it.effect("never blocks on a regular file, a directory and /dev/null, flag or not", () =>
    Effect.gen(function* () {
      for (const path of [process.execPath, Os.tmpdir(), "/dev/null"]) {
        assert.isTrue(yield* FdIo.isNonBlocking(yield* file(path)), path)
      }
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("may block on what was opened without the flag, and not on what was opened with it", () =>
    Effect.gen(function* () {
      const { reader } = yield* pipe
      const path = `/proc/self/fd/${reader}`
      assert.isFalse(yield* FdIo.isNonBlocking(yield* file(path, Fs.constants.O_RDONLY)))
      assert.isTrue(yield* FdIo.isNonBlocking(yield* file(path, Fs.constants.O_RDONLY | Fs.constants.O_NONBLOCK)))
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("changes the flag of every duplicate: it belongs to the open file", () =>
    Effect.gen(function* () {
      const { reader } = yield* pipe
      const flags = () => /flags:\s*(\d+)/.exec(Fs.readFileSync(`/proc/self/fdinfo/${reader}`, "utf8"))?.[1] ?? ""
      const nonBlocking = () => (Number.parseInt(flags(), 8) & Fs.constants.O_NONBLOCK) !== 0
      assert.isTrue(nonBlocking())
      yield* FdIo.setNonBlocking(reader, false)
      assert.isFalse(nonBlocking())
      yield* FdIo.setNonBlocking(reader, true)
      assert.isTrue(nonBlocking())
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("reads and writes the bytes that node:fs does", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "green-core-"))),
        (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
      )
      const path = Path.join(folder, "file")
      const fd = yield* file(path, "w+")
      assert.strictEqual(yield* FdIo.write(fd, text("written")), 7)
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "written")
      Fs.writeSync(fd, " by both", 7)
      const reader = yield* file(path)
      const bytes = new Uint8Array(64)
      assert.strictEqual(yield* FdIo.read(reader, bytes), 15)
      assert.strictEqual(new TextDecoder().decode(bytes.subarray(0, 15)), "written by both")
      assert.strictEqual(yield* FdIo.read(reader, bytes), 0)
    }).pipe(Effect.provide(Green.layer))
  )

  it.effect("says what the system says: EISDIR, EBADF as BadDescriptor", () =>
    Effect.gen(function* () {
      const directory = yield* Effect.flip(FdIo.read(yield* file(Os.tmpdir()), new Uint8Array(1)))
      assert.isTrue(directory.reason._tag === "System" && directory.reason.code === "EISDIR")
      const readOnly = yield* Effect.flip(FdIo.write(yield* file(process.execPath), new Uint8Array(1)))
      assert.strictEqual(readOnly.reason._tag, "BadDescriptor")
    }).pipe(Effect.provide(Green.layer))
  )
})

describe("FdIo.around", () => {
  it.effect("sees every operation as plain data, and gives on what the handler answers", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const traced = FdIo.around((request, next) => {
        seen.push("bytes" in request ? { ...request, bytes: request.bytes.byteLength } : request)
        return next()
      })
      yield* Effect.gen(function* () {
        const { reader, writer } = yield* FdIo.makePipe
        assert.strictEqual(yield* FdIo.write(writer, text("abc")), 3)
        assert.strictEqual(yield* FdIo.read(reader, new Uint8Array(8)), 3)
        assert.strictEqual(yield* FdIo.read(reader, new Uint8Array(8)), WouldBlock)
        assert.isTrue(yield* FdIo.isNonBlocking(reader))
        yield* FdIo.setNonBlocking(reader, false)
        yield* FdIo.close(reader)
        yield* FdIo.close(writer)
        const [one, two] = yield* FdIo.makeSocketPair
        yield* FdIo.shutdown(one)
        yield* FdIo.close(one)
        yield* FdIo.close(two)
        assert.deepStrictEqual(seen, [
          { operation: "makePipe" },
          { operation: "write", fd: writer, bytes: 3 },
          { operation: "read", fd: reader, bytes: 8 },
          { operation: "read", fd: reader, bytes: 8 },
          { operation: "isNonBlocking", fd: reader },
          { operation: "setNonBlocking", fd: reader, nonBlocking: false },
          { operation: "close", fd: reader },
          { operation: "close", fd: writer },
          { operation: "makeSocketPair" },
          { operation: "shutdown", fd: one },
          { operation: "close", fd: one },
          { operation: "close", fd: two }
        ])
      }).pipe(Effect.provide(traced.pipe(Layer.provideMerge(Green.layer))))
    })
  )

  it.effect("changes a request: a read of one byte at a time", () => {
    const shortReads = FdIo.around((request, next) =>
      request.operation === "read" ? next({ ...request, bytes: request.bytes.subarray(0, 1) }) : next()
    )
    return Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      yield* FdIo.write(writer, text("ab"))
      const bytes = new Uint8Array(8)
      for (const expected of ["a", "b"]) {
        assert.strictEqual(yield* FdIo.read(reader, bytes), 1)
        assert.strictEqual(new TextDecoder().decode(bytes.subarray(0, 1)), expected)
      }
      assert.strictEqual(yield* FdIo.read(reader, bytes), WouldBlock)
    }).pipe(Effect.provide(shortReads.pipe(Layer.provideMerge(Green.layer))))
  })

  it.effect("fails an operation in place of performing it", () => {
    const broken = FdIo.around((request, next) =>
      request.operation === "write" ? Effect.fail(Fd.system(request.fd, "write", 32)) : next()
    )
    return Effect.gen(function* () {
      const { reader, writer } = yield* pipe
      const error = yield* Effect.flip(FdIo.write(writer, text("lost")))
      assert.isTrue(error.reason._tag === "System" && error.reason.code === "EPIPE")
      assert.strictEqual(yield* FdIo.read(reader, new Uint8Array(8)), WouldBlock)
    }).pipe(Effect.provide(broken.pipe(Layer.provideMerge(Green.layer))))
  })

  it.effect("runs in the fiber of the caller, and sees its context", () => {
    const Label = Context.Reference<string>("test/Label", { defaultValue: () => "nobody" })
    const labels: Array<string> = []
    const labelled = FdIo.around((_request, next) =>
      Effect.andThen(
        Effect.map(Label, (label) => labels.push(label)),
        next()
      )
    )
    return Effect.gen(function* () {
      const { reader } = yield* Effect.provideService(FdIo.makePipe, Label, "maker")
      yield* Effect.provideService(FdIo.isNonBlocking(reader), Label, "asker")
      assert.deepStrictEqual(labels, ["maker", "asker"])
    }).pipe(Effect.provide(labelled.pipe(Layer.provideMerge(Green.layer))))
  })

  it.effect("a layer value that is provided twice interposes once; two values interpose twice", () =>
    Effect.gen(function* () {
      let calls = 0
      const counting = () =>
        FdIo.around((_request, next) => {
          calls++
          return next()
        })
      const once = counting()
      const asked = FdIo.isNonBlocking(0)
      yield* asked.pipe(Effect.provide(once.pipe(Layer.provideMerge(once), Layer.provideMerge(Green.layer))))
      assert.strictEqual(calls, 1)
      yield* asked.pipe(
        Effect.provide(counting().pipe(Layer.provideMerge(counting()), Layer.provideMerge(Green.layer)))
      )
      assert.strictEqual(calls, 3)
    })
  )

  it.effect("a request that is changed into one of another operation is a defect that says so", () => {
    const confused = FdIo.around((request, next) =>
      next(request.operation === "read" ? { operation: "close", fd: request.fd } : request)
    )
    return Effect.gen(function* () {
      const { reader } = yield* pipe
      const exit = yield* Effect.exit(FdIo.read(reader, new Uint8Array(1)))
      assert.isTrue(Exit.hasDies(exit))
      assert.include(String(exit), 'next was given a "close" in place of a "read"')
      assert.isTrue(yield* FdIo.isNonBlocking(reader), "it was not closed")
    }).pipe(Effect.provide(confused.pipe(Layer.provideMerge(Green.layer))))
  })
})
