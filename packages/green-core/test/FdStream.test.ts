import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { FdError, FdIo, FdStream, Green, WaitFd, waitFd } from "green-core"
import * as Crypto from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"

/** How many descriptors are open, the handler's own, which it opens at its first use, among them. */
const openDescriptors = Effect.andThen(
  waitFd(0, "readwrite").pipe(Effect.timeoutOption(0)),
  Effect.sync(() => Fs.readdirSync("/proc/self/fd").length)
)

const digest = (chunks: Iterable<Uint8Array>): string => {
  const hash = Crypto.createHash("sha256")
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest("hex")
}

describe("FdStream", () => {
  it.live("carries every byte in order through a pipe, over back-pressure and partial writes", () =>
    Effect.gen(function* () {
      const before = yield* openDescriptors
      const { reader, writer } = yield* FdIo.makePipe
      const chunks = Array.from({ length: 40 }, (_, index) => Crypto.randomBytes(1 + index * 4099))
      const sending = yield* Effect.forkChild(Stream.run(Stream.fromIterable(chunks), FdStream.write(writer)))
      const received = yield* Stream.runCollect(FdStream.read(reader))
      yield* Fiber.join(sending)
      assert.strictEqual(digest(received), digest(chunks))
      assert.strictEqual(yield* openDescriptors, before)
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("reads only when the consumer asks, and closes when the consumer has enough", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      yield* FdIo.write(writer, new Uint8Array(10))
      const first = yield* FdStream.read(reader, { chunkSize: 4 }).pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(first[0]?.byteLength, 4)
      // The reader is closed: its number is free.
      assert.strictEqual((yield* Effect.flip(FdIo.isNonBlocking(reader))).reason._tag, "BadDescriptor")
      yield* FdIo.close(writer)
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("what the operating system says is the error of the stream and of the sink", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      yield* FdIo.close(reader)
      const error = yield* Effect.flip(Stream.run(Stream.make(new Uint8Array(1)), FdStream.write(writer)))
      assert.instanceOf(error, FdError)
      assert.deepInclude(error.reason, { _tag: "System", code: "EPIPE" })
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(FdStream.read(-1)))).reason._tag, "BadDescriptor")
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("interruption releases the lease and leaves nobody waiting", () =>
    Effect.gen(function* () {
      const before = yield* openDescriptors
      const { reader, writer } = yield* FdIo.makePipe
      const fiber = yield* Effect.forkChild(Stream.runDrain(FdStream.read(reader)), { startImmediately: true })
      assert.strictEqual((yield* WaitFd.statistics).readers, 1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* WaitFd.statistics, { readers: 0, writers: 0, descriptors: 0 })
      yield* FdIo.close(writer)
      assert.strictEqual(yield* openDescriptors, before)
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("a lease that is held already can be streamed, and stays with its holder", () =>
    Effect.gen(function* () {
      const [one, other] = yield* FdIo.makeSocketPair
      const near = yield* WaitFd.lease(one)
      const far = yield* WaitFd.lease(other)
      yield* Stream.run(Stream.make(new TextEncoder().encode("question")), FdStream.writeLease(near))
      const [chunk] = yield* FdStream.readLease(far).pipe(Stream.take(1), Stream.runCollect)
      assert.strictEqual(new TextDecoder().decode(chunk), "question")
      yield* FdStream.writeAll(far, new TextEncoder().encode("answer"))
      yield* FdIo.shutdown(far)
      const answer = yield* FdStream.readLease(near).pipe(Stream.decodeText, Stream.mkString)
      assert.strictEqual(answer, "answer")
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("a regular file is read to its end", () =>
    Effect.gen(function* () {
      const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "green-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(directory, { recursive: true })))
      const path = Path.join(directory, "file")
      const content = Crypto.randomBytes(200_000)
      Fs.writeFileSync(path, content)
      const read = yield* Stream.runCollect(FdStream.read(Fs.openSync(path, "r")))
      assert.strictEqual(digest(read), digest([content]))
    }).pipe(Effect.scoped, Effect.provide(Green.layer))
  )

  it.live("chunks are the consumer's to keep: a later read does not change them", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const sending = yield* Effect.forkChild(
        Stream.fromIterable(Array.from({ length: 50 }, (_, index) => new Uint8Array(100).fill(index))).pipe(
          Stream.run(FdStream.write(writer))
        )
      )
      const chunks = yield* Stream.runCollect(FdStream.read(reader, { chunkSize: 100 }))
      yield* Fiber.join(sending)
      assert.isTrue(chunks.every((chunk, index) => chunk.every((byte) => byte === index)))
      assert.strictEqual(chunks.length, 50)
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("nor does it change chunks that are far from full", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const chunks: Array<Uint8Array> = []
      yield* FdIo.write(writer, Uint8Array.of(0))
      // Each byte is written when the one before has come, so each makes a chunk.
      yield* Stream.runForEach(FdStream.read(reader), (chunk) => {
        chunks.push(chunk)
        return chunks.length < 10 ? FdIo.write(writer, Uint8Array.of(chunks.length)) : FdIo.close(writer)
      })
      assert.deepStrictEqual(
        chunks.map((chunk) => Array.from(chunk)),
        Array.from({ length: 10 }, (_, index) => [index])
      )
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("lent chunks carry every byte in order", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      const chunks = Array.from({ length: 40 }, (_, index) => Crypto.randomBytes(1 + index * 4099))
      const sending = yield* Effect.forkChild(Stream.run(Stream.fromIterable(chunks), FdStream.write(writer)))
      const hash = yield* Stream.runFold(
        FdStream.read(reader, { chunks: "lent" }),
        () => Crypto.createHash("sha256"),
        (hash, chunk) => hash.update(chunk)
      )
      yield* Fiber.join(sending)
      assert.strictEqual(hash.digest("hex"), digest(chunks))
    }).pipe(Effect.provide(Green.layer))
  )

  it.live("a lent chunk that is kept is empty when the next has been asked for", () =>
    Effect.gen(function* () {
      const { reader, writer } = yield* FdIo.makePipe
      yield* FdIo.write(writer, new Uint8Array(8).fill(7))
      yield* FdIo.close(writer)
      const seen: Array<ReadonlyArray<number>> = []
      const kept = yield* FdStream.read(reader, { chunkSize: 4, chunks: "lent" }).pipe(
        Stream.tap((chunk) => Effect.sync(() => seen.push([...chunk]))),
        Stream.runCollect
      )
      assert.deepStrictEqual(seen, [
        [7, 7, 7, 7],
        [7, 7, 7, 7]
      ])
      assert.deepStrictEqual(
        kept.map((chunk) => chunk.byteLength),
        [0, 0]
      )
    }).pipe(Effect.provide(Green.layer))
  )
})
