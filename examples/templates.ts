/**
 * A template engine that knows nothing of promises, with includes that are fetched over HTTP while it renders. Which ones
 * they are only the rendering shows: the name of an include may be in the data, or in what was included.
 *
 * The engine runs in a worker (`templates/render.ts`) and performs `Fetch`, which is handled here.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { green, GreenWorkers } from "green-blocking"
import { GreenHttp, UndiciExchange } from "green-http"
import { NoTemplate, Templates } from "./templates/operations.ts"
import * as Server from "./templates/server.ts"

const render = green(
  () => import("./templates/render.ts"),
  new URL("./templates/render.ts", import.meta.url),
  "render",
  { error: NoTemplate }
)

/** The handler has all that the host has: here a session of HTTP. */
const Handlers = Templates.toLayer(
  Effect.gen(function* () {
    const { url } = yield* Server.listen
    const http = yield* GreenHttp.make({ baseUrl: url })
    return {
      Fetch: ({ name }) =>
        Effect.gen(function* () {
          const response = yield* http.get(`/${name}`)
          if (response.status === 404) return yield* new NoTemplate({ name })
          return yield* (yield* response.raiseForStatus).text
        }).pipe(Effect.scoped, Effect.catchTag("HttpError", Effect.die))
    }
  })
).pipe(Layer.provide(UndiciExchange.layer()))

const Workers = GreenWorkers.layer(Templates, { size: 2 }).pipe(Layer.provide(Handlers))

const items = [
  { kind: "book", title: "Emma", author: "Jane Austen" },
  { kind: "film", title: "Metropolis", year: 1927 }
]

const program = Effect.gen(function* () {
  // Two pages at a time, each in a thread of its own.
  const [all, books] = yield* Effect.all(
    [render("page", { title: "New", items }), render("page", { title: "Books", items: items.slice(0, 1) })],
    { concurrency: "unbounded" }
  )
  console.log(`${all}\n\n${books}\n`)

  // What the server has not is a typed error, which has come through the engine.
  const error = yield* Effect.flip(render("page", { title: "More", items: [{ kind: "play" }] }))
  console.log(error._tag, error._tag === "NoTemplate" ? error.name : "")
})

await Effect.runPromise(program.pipe(Effect.provide(Workers)))
