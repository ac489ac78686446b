/**
 * Another C library made green: libcurl. Several transfers at once in one event loop, time-outs, and an interruption
 * that closes its connection. How it is done is in `curl/Curl.ts`; `docs/c-libraries.md` tells more.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Green, WaitFd } from "green-core"
import * as Curl from "./curl/Curl.ts"
import { load } from "./curl/libcurl.ts"
import * as Server from "./curl/server.ts"

const libcurl = load()

const program = Effect.fnUntraced(function* (libcurl: NonNullable<ReturnType<typeof load>>) {
  const server = yield* Server.listen
  const curl = yield* Curl.make(libcurl)
  const get = (path: string) => curl.get(server.url + path)

  // The server answers nobody before all three have come.
  const together = yield* Effect.all([get("/together/a"), get("/together/b"), get("/together/c")], {
    concurrency: "unbounded"
  })
  console.log("together:", together.map(({ body, status }) => `${status} ${body}`).join(", "))

  const waiting = yield* Effect.forkChild(get("/never"))
  yield* Deferred.await(server.asked)
  yield* Fiber.interrupt(waiting)
  yield* Deferred.await(server.left)
  console.log("interrupted: the server has seen it leave")

  const late = yield* Effect.flip(get("/never").pipe(Effect.timeout("50 millis")))
  console.log("a time-out of Effect's:", late._tag)
  const later = yield* Effect.flip(curl.get(`${server.url}/never`, { timeout: "50 millis" }))
  console.log("a time-out of curl's:", later._tag, later._tag === "CurlError" ? later.code : "")
  const refused = yield* Effect.flip(curl.get("http://127.0.0.1:1/"))
  console.log("refused:", refused.message)

  const { body } = yield* get("/large")
  console.log("large:", body.length)
  console.log("waiting:", (yield* WaitFd.statistics).descriptors)
}, Effect.scoped)

if (libcurl === undefined) console.log("libcurl.so.4 is not installed (Debian: libcurl4): there is nothing to show")
else await Effect.runPromise(program(libcurl).pipe(Effect.provide(Green.layer)))
