/** What green-pool does, each thing once: `npm run test:runtimes` tries it on every runtime. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { GreenPool, RunInPool } from "green-pool"
import { deepStrictEqual, strictEqual } from "node:assert"
import { once } from "node:events"
import { createServer, type IncomingMessage, request } from "node:http"
import { text } from "node:stream/consumers"

const pools = Effect.gen(function* () {
  const pool = yield* GreenPool.make({ maxWorkers: 2, capacity: 10 })
  const task = yield* pool.submit(pool.run(Effect.succeed("nested")))
  strictEqual(yield* task, "nested")
  const doubled = (value: number) => Effect.delay(Effect.succeed(value * 2), "1 millis")
  deepStrictEqual(yield* pool.map([1, 2, 3], doubled), [2, 4, 6])
  deepStrictEqual(yield* Stream.runCollect(pool.imap([1, 2, 3], doubled)), [2, 4, 6])
}).pipe(Effect.scoped)

/** One request, over HTTP. */
const served = Effect.gen(function* () {
  const app = yield* RunInPool.node(
    async (request, response) => {
      const body = await text(request)
      response.end(`${request.method} ${body}`)
    },
    { maxWorkers: 2, waitForBody: true }
  )
  const answer = yield* Effect.promise(async () => {
    const server = createServer(app).listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    try {
      const asked = request({ port, host: "127.0.0.1", method: "POST", agent: false }).end("hello")
      const [response]: ReadonlyArray<IncomingMessage> = await once(asked, "response")
      return response === undefined ? "nothing" : await text(response)
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })
  strictEqual(answer, "POST hello")
  strictEqual(app.counts.answered, 1)
}).pipe(Effect.scoped)

const fetched = Effect.gen(function* () {
  const app = yield* RunInPool.fetch(async (request) => new Response(await request.text()), { maxWorkers: 2 })
  const request = new Request("http://localhost/", { method: "POST", body: "hello" })
  strictEqual(yield* Effect.promise(async () => (await app(request)).text()), "hello")
}).pipe(Effect.scoped)

export const smoke = {
  "`GreenPool`": () => Effect.runPromise(pools),
  "`RunInPool.node`, served by `node:http`": () => Effect.runPromise(served),
  "`RunInPool.fetch`": () => Effect.runPromise(fetched)
}
