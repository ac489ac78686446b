/** Virtual pipes and socket pairs against those of the operating system: the same commands, the same answers. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { crc32 } from "node:zlib"
import { type FdError, FdIo, Green, type WaitFd, waitFd, WouldBlock } from "green-core"
import { VirtualFds } from "green-core/testing"

type Ends = readonly [number, number]
type Command = { readonly end: 0 | 1; readonly action: Action; readonly size: number }
type Action = "read" | "write" | "shutdown" | "close" | "readable?" | "writable?" | "ready?"

const interests = { "readable?": "read", "writable?": "write", "ready?": "readwrite" } as const

/** An action is drawn by its weight; the first one is the simplest. */
const weights: ReadonlyArray<readonly [Action, number]> = [
  ["read", 6],
  ["write", 8],
  ["readable?", 3],
  ["writable?", 3],
  ["ready?", 3],
  ["shutdown", 1],
  ["close", 1]
]
const actions = weights.flatMap(([action, weight]) => Array.from({ length: weight }, () => action))

const commands = (sizes: ReadonlyArray<number>, maxLength: number) =>
  Arbitrary.array(
    Arbitrary.map(
      Arbitrary.schema(
        Schema.Struct({
          end: Schema.Literals([0, 1]),
          action: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: actions.length - 1 })),
          size: Schema.Literals(sizes)
        })
      ),
      ({ end, action, size }): Command => ({ end, action: actions[action] ?? "read", size })
    ),
    { maxLength }
  )

/** Bytes that tell where they come from. */
const pattern = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251)

/** Performs the commands, one after the other: what each was answered. */
const perform = (
  make: Effect.Effect<Ends, FdError, FdIo>,
  commands: ReadonlyArray<Command>
): Effect.Effect<ReadonlyArray<unknown>, FdError, FdIo | WaitFd> =>
  Effect.gen(function* () {
    const ends = yield* make
    const spare = yield* FdIo.makePipe
    const answers: Array<unknown> = []
    const open = new Set(ends)
    let written = 0
    for (const { end, action, size } of commands) {
      const fd = ends[end]
      // Another file may have its number by now, which is not the matter here.
      if (!open.has(fd)) continue
      if (action === "close") open.delete(fd)
      const answer: Effect.Effect<unknown, FdError, FdIo | WaitFd> = Effect.gen(function* () {
        switch (action) {
          case "read": {
            const bytes = new Uint8Array(size)
            const count = yield* FdIo.read(fd, bytes)
            return count === WouldBlock ? "WouldBlock" : [count, crc32(bytes.subarray(0, count))]
          }
          case "write": {
            const count = yield* FdIo.write(fd, pattern.subarray(written % 251, (written % 251) + size))
            if (count === WouldBlock) return "WouldBlock"
            written += count
            return count
          }
          case "shutdown":
            return yield* FdIo.shutdown(fd)
          case "close":
            return yield* FdIo.close(fd)
          default:
            // The spare pipe is writable, and answers second if both are ready.
            return yield* Effect.raceFirst(
              waitFd(fd, interests[action]),
              Effect.as(waitFd(spare.writer, "write"), "not ready")
            )
        }
      })
      const said = Effect.catch(answer, ({ reason }) => Effect.succeed("code" in reason ? reason.code : reason._tag))
      answers.push([action, yield* said])
    }
    for (const fd of [...open, spare.reader, spare.writer]) yield* FdIo.close(fd)
    return answers
  })

const pipe = Effect.map(FdIo.makePipe, ({ reader, writer }): Ends => [reader, writer])

const agree = (make: Effect.Effect<Ends, FdError, FdIo>, commands: ReadonlyArray<Command>) =>
  Effect.gen(function* () {
    const real = yield* Effect.provide(perform(make, commands), Green.layer)
    const virtual = yield* Effect.provide(perform(make, commands), VirtualFds.layer)
    assert.deepStrictEqual(virtual, real)
  })

describe.skipIf(process.platform !== "linux")("virtual descriptors are like those of Linux", () => {
  it.effect.prop(
    "a pipe gives the same answers to the same commands",
    [commands([1, 0, 2, 100, 1000, 4000, 4095, 4096, 4097, 5000, 8192, 10_000, 61_440, 65_535, 65_536, 70_000], 60)],
    ([commands]) => agree(pipe, commands),
    { arbitrary: { runs: 300, size: 60 } }
  )

  it.effect.prop(
    "a socket pair gives the same answers to the same commands, as long as there is room",
    [commands([1, 0, 2, 10, 100], 40)],
    ([commands]) => agree(FdIo.makeSocketPair, commands),
    { arbitrary: { runs: 300, size: 40 } }
  )

  it.effect("a full socket takes bytes when there is room, but is ready only when three quarters are free", () =>
    Effect.gen(function* () {
      for (const world of [Green.layer, VirtualFds.layer]) {
        const { room, ready } = yield* Effect.provide(drain, world)
        assert.isBelow(room, 0.2)
        assert.isAtLeast(ready, 0.75)
        assert.isBelow(ready, 0.8)
      }
    })
  )
})

/** Fills a socket and empties it: of what share the read made room for a byte, and made it ready. */
const drain = Effect.gen(function* () {
  const [near, far] = yield* FdIo.makeSocketPair
  const spare = yield* FdIo.makePipe
  const bytes = new Uint8Array(1000)
  const write = FdIo.write(near, bytes)
  let total = 0
  for (let count = yield* write; count !== WouldBlock; count = yield* write) total += count
  let read = 0
  let room: number | undefined
  for (;;) {
    const state = yield* Effect.raceFirst(waitFd(near, "write"), Effect.as(waitFd(spare.writer, "write"), "not ready"))
    if (state !== "not ready") break
    if (room === undefined && (yield* FdIo.write(near, bytes.subarray(0, 1))) !== WouldBlock) room = read
    const count = yield* FdIo.read(far, bytes)
    assert.notStrictEqual(count, WouldBlock, "it was never ready")
    if (count !== WouldBlock) read += count
  }
  for (const fd of [near, far, spare.reader, spare.writer]) yield* FdIo.close(fd)
  return { room: (room ?? read) / total, ready: read / total }
})
