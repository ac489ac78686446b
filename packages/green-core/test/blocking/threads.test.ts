/** Green.runSync in worker threads, which is where it is at home. */
import { assert, describe, it } from "@effect/vitest"
import { once } from "node:events"
import { Worker } from "node:worker_threads"

const start = (program: string) => new Worker(new URL("./fixtures/worker.ts", import.meta.url), { workerData: program })

describe("in a worker thread", () => {
  it("descriptors, sleepers, forks and time-outs work as in the main thread, and the worker ends by itself", async () => {
    const worker = start("everything")
    const [[message], [code]] = await Promise.all([once(worker, "message"), once(worker, "exit")])
    assert.deepEqual(message, [1, 7])
    assert.equal(code, 0)
  })

  for (const program of ["waiting", "sleeping"]) {
    it(`a thread that is blocked ${program} ends soon after terminate()`, async () => {
      const worker = start(program)
      const [message] = await once(worker, "message")
      assert.equal(message, "blocking")
      const asked = performance.now()
      await worker.terminate()
      assert.isBelow(performance.now() - asked, 2000)
    })
  }
})

describe("where there is no epoll", () => {
  it("waiting for a descriptor fails Unsupported, and sleeping works", async () => {
    const [[made, waited, slept]] = await once(start("withoutEpoll"), "message")
    assert.equal(made, "Unsupported")
    assert.equal(waited._tag, "Unsupported")
    assert.include(waited.platform, "darwin")
    assert.isTrue(slept)
  })
})
