/** The process of one hazard: `run.ts NAME OPTIONS LIBPQ`. Says what it said, as JSON. */
import * as Effect from "effect/Effect"
import { Green } from "green-core"
import { Libpq } from "green-pg"
import { hazards } from "./hazards.ts"

const [, , name = "", options = "{}", path] = process.argv
const hazard = hazards[name]
if (hazard === undefined) throw new Error(`no hazard is called ${name}`)

const said = await Effect.runPromise(
  hazard(JSON.parse(options)).pipe(Effect.scoped, Effect.provide([Libpq.layer({ path }), Green.layer]))
)
console.log(JSON.stringify(said))
