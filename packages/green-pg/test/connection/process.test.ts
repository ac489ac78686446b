/** Connections and the process they are in. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PostgresServer } from "green-pg/testing"
import { existsSync } from "node:fs"
import { sharedServer } from "../support/postgres.ts"
import { run } from "../support/process.ts"
import { eachDriver } from "./support/connecting.ts"

const older = [
  "/usr/lib/x86_64-linux-gnu/libpq.so.5",
  "/usr/lib/aarch64-linux-gnu/libpq.so.5",
  "/usr/lib64/libpq.so.5",
  "/usr/lib/libpq.so.5"
].find((path) => existsSync(path))

const place = ({ port, socketDirectory, user }: PostgresServer["Service"]) => [socketDirectory, String(port), user]

eachDriver(({ driver, test }) => {
  const inProcess = (how: string) =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const running = yield* run("connection.ts", [how, driver, server.libpq, ...place(server)])
      const said = yield* running.said
      return { said, ended: yield* running.ended }
    })
  const inOrder = { code: 0, signal: null, stderr: "" }

  test("an idle connection that nobody closes does not keep the process up", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* inProcess("idle"), { said: { what: true, unhandled: 0 }, ended: inOrder })
    }))

  test("a statement that is on its way keeps the process up until it is answered", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* inProcess("waiting"), { said: { what: true, unhandled: 0 }, ended: inOrder })
    }))

  test("a connection that is lost leaves no rejection unhandled, and does not keep the process up", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* inProcess("lost"), {
        said: { what: [true, false], unhandled: 0 },
        ended: inOrder
      })
    }))

  test("a process may end in the middle of a statement", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* inProcess("exit"), { said: { what: "exits", unhandled: 0 }, ended: inOrder })
    }))
})

describe.each(["libpq", "wire"] as const)("by %s", (driver) => {
  it.live.skipIf(older === undefined)("the system's libpq, older perhaps, does all of it", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer
      const running = yield* run("olderLibpq.ts", [driver, older ?? "", ...place(server)])
      const said = yield* running.said
      assert.deepStrictEqual(yield* running.ended, { code: 0, signal: null, stderr: "" })
      assert(typeof said === "object" && said !== null && "version" in said && "kept" in said)
      const { kept, version, ...rest } = said
      assert.isAtLeast(Number(version), 140000)
      assert.isAtMost(Number(kept), 2)
      assert.deepStrictEqual(rest, {
        driver,
        afterCancel: [0, true],
        answers: true,
        codes: ["22012", "42703"],
        chunks: [100, 100, 50],
        early: 3,
        copied: 2,
        out: "1\n2\n",
        payload: "heard"
      })
    }).pipe(Effect.scoped, Effect.provide(sharedServer))
  )
})
