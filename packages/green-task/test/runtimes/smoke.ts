/** What green-task does, each thing once: `npm run test:runtimes` tries it on every runtime. */
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Green, Greenlet, wait } from "green-core"
import { greenTask, runInGreenlet } from "green-task"
import { notStrictEqual, strictEqual } from "node:assert"

const here = runInGreenlet(function* () {
  yield* wait(() => new Promise((resolve) => setTimeout(resolve, 1)))
  return Greenlet.currentUnsafe()
})

class Store {
  readonly runtime = ManagedRuntime.make(Green.layer)

  count() {
    return greenTask(this, function* () {
      yield* Effect.sleep("1 millis")
      return yield* wait(() => Promise.resolve(3))
    })
  }
}

export const smoke = {
  "`runInGreenlet`": async () => {
    const both = Effect.all([here(), here()], { concurrency: "unbounded" })
    const [one, other] = await Effect.runPromise(Effect.provide(both, Green.layer))
    notStrictEqual(one, other)
  },
  "`greenTask`": async () => {
    const store = new Store()
    strictEqual(await store.count().promise, 3)
    await store.runtime.dispose()
  }
}
