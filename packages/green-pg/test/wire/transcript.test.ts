/**
 * What a real server said, played again: however it is cut, delayed, changed or ended, the wire driver gives the same
 * answers or a `PgError`, and comes to an end.
 */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { LibpqFunctions } from "../../src/Libpq.ts"
import { WireDriver } from "../../src/internal/wire/WireDriver.ts"
import { sharedServer } from "../support/postgres.ts"
import { ask, connected } from "./connected.ts"
import { Events } from "./drive.ts"
import { batch, begins, copying, replay, scripts } from "./replay.ts"

layer(sharedServer)("a transcript of a real server", (it) => {
  /** What a server says to the Sync, the batch and the scripts. */
  const recorded = Effect.gen(function* () {
    let said: Array<Buffer> = []
    const parts: Array<Buffer> = []
    const driver = yield* connected(new Events(), (functions: LibpqFunctions) => ({
      ...functions,
      recv: (socket, bytes) => {
        const size = functions.recv(socket, bytes)
        if (size > 0) said.push(Buffer.from(bytes.subarray(0, size)))
        return size
      }
    }))
    assert.isTrue(driver instanceof WireDriver)
    for (const together of [[], batch(), ...scripts().map((each) => [each])]) {
      if (driver instanceof WireDriver) copying(driver, together)
      yield* ask(driver, ...together)
      parts.push(Buffer.concat(said))
      said = []
    }
    return parts
  })

  it.effect("gives the same answers and sends the same bytes, however it is cut and delayed", () =>
    Effect.gen(function* () {
      const says = yield* recorded
      const whole = replay({ says, stays: true })
      assert.strictEqual(whole.lost, undefined)
      for (const script of [
        { pieces: [1] },
        { pieces: [1, 0, 2, 0, 3], takes: [0, 1] },
        { pieces: [7, 0], takes: [0, 13] },
        { pieces: [4096], takes: [1, 0, 0, 2] }
      ]) {
        const cut = replay({ says, stays: true, ...script })
        assert.strictEqual(cut.lost, undefined)
        assert.deepStrictEqual(cut.heard, whole.heard)
        assert.isTrue(cut.sent.equals(whole.sent))
      }
    })
  )

  it.effect("is a lost connection wherever it ends too early, after what was said before", () =>
    Effect.gen(function* () {
      const says = yield* recorded
      const whole = replay({ says, stays: true })
      for (const [index, part] of says.entries()) {
        for (let end = 0; end < part.length; end += 3) {
          const early = [...says.slice(0, index), part.subarray(0, end)]
          const { lost, heard } = replay({ says: early, pieces: [1 + (end % 100)] })
          assert.strictEqual(lost?.reason._tag, "ConnectionLost", `ended after ${end} bytes of part ${index}`)
          assert.isTrue(begins(whole.heard, heard))
        }
      }
    })
  )

  it.effect("with bytes changed, left out or put in it is answers or a typed error, and an end", () =>
    Effect.gen(function* () {
      const says = yield* recorded
      let seed = 1
      const random = (below: number): number => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
        return (seed >>> 8) % below
      }
      const reasons = new Set<string>()
      for (let round = 0; round < 3000; round++) {
        const parts = says.map((part) => Buffer.from(part))
        const mutated = parts[random(parts.length)] ?? Buffer.alloc(1)
        for (let changes = 1 + random(3); changes > 0; changes--) {
          const at = random(mutated.length)
          if (random(3) === 0) mutated.copyWithin(at, Math.min(at + 1 + random(9), mutated.length))
          else mutated[at] = random(256)
        }
        const { lost } = replay({ says: parts, pieces: [1 + random(2000)] })
        reasons.add(lost?.reason._tag ?? "none")
      }
      assert.includeMembers([...reasons], ["ProtocolViolation", "ConnectionLost", "none"])
    })
  )
})
