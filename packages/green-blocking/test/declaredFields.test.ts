/** Declared errors are instances of their class, whatever their fields are called. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { green, GreenWorkers } from "green-blocking"
import { Refused } from "./fixtures/refusingJobs.ts"

const refuse = green(
  () => import("./fixtures/refusingJobs.ts"),
  new URL("./fixtures/refusingJobs.ts", import.meta.url),
  "refuse",
  { error: Refused }
)

it.layer(GreenWorkers.layer(RpcGroup.make(), { size: 1 }))("a declared error", (it) => {
  it.effect("may have fields called name and message", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(refuse("Ada"))
      assert.instanceOf(error, Refused)
      assert.deepStrictEqual([error.name, error.message], ["Ada", "Ada is refused"])
    })
  )
})
