/**
 * The job: Handlebars, as it is. It is synchronous from end to end, so that a helper has to have its answer when it
 * returns; this one asks the host for it, in the middle of the rendering.
 */
import { perform } from "green-blocking/worker"
import Handlebars from "handlebars"
import { Templates } from "./operations.ts"

const { Fetch } = perform(Templates)

const engine = Handlebars.create()

engine.registerHelper("include", function (this: unknown, name: string) {
  return new Handlebars.SafeString(render(name, this))
})

export const render = (name: string, data: unknown): string => engine.compile(Fetch({ name }))(data)
