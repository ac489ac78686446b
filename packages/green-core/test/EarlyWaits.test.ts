/** Waits that come before their set: what becomes of them is what would have become of them in it. */
import { assert, describe, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import { EarlyWaits } from "../src/eventLoop/EarlyWaits.ts"

const world = () => {
  const told: Array<string> = []
  const early = new EarlyWaits(() => {})
  const wait = (fd: number, interest: "read" | "write" | "readwrite" = "read") =>
    early.register({ fd, interest, exclusive: false }, (exit) => told.push(`${fd} ${Exit.isSuccess(exit)}`))
  /** What went into the set, and out of it. */
  const went: Array<string> = []
  const move = () =>
    early.moveTo(({ fd }) => {
      went.push(`${fd}`)
      return () => went.push(`${fd} withdrawn`)
    })
  return { early, move, told, wait, went }
}

describe("waits before their set", () => {
  it("go into it in their order, and are withdrawn from there", () => {
    const { early, move, wait, went } = world()
    wait(7)
    const withdraw = wait(5)
    move()
    assert.isFalse(early.waited)
    withdraw()
    assert.deepStrictEqual(went, ["7", "5", "5 withdrawn"])
  })

  it("do not go into it when they were withdrawn before", () => {
    const { move, told, wait, went } = world()
    wait(7)()
    move()
    assert.deepStrictEqual([went, told], [[], []])
  })

  it("fail when their descriptor is announced to close, and the others go on", () => {
    const { early, move, told, wait, went } = world()
    wait(7)
    wait(8)
    early.fail({ _tag: "Closing" }, 7)
    move()
    assert.deepStrictEqual([told, went], [["7 false"], ["8"]])
  })

  it("are counted", () => {
    const { early, wait } = world()
    wait(7)
    wait(7, "readwrite")
    wait(8, "write")
    assert.deepStrictEqual(early.statistics, { readers: 2, writers: 2, descriptors: 2 })
  })
})
