/** The process of one hazard: runs it over the event loop and says what it said. */
import * as Effect from "effect/Effect"
import { Green } from "green-core"
import { hazards } from "./hazards.ts"

const [, , name] = process.argv
const hazard = hazards.find((hazard) => hazard.name === name)
if (hazard === undefined) throw new Error(`no hazard is called ${name}`)

const said = await Effect.runPromise(hazard.program.pipe(Effect.scoped, Effect.provide(Green.layer)))
console.log(JSON.stringify(said))
