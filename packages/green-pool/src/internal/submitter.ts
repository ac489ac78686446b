/**
 * The asynchronous context of who gives work to a pool, to be entered when the work starts.
 */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks"

const make = (): AsyncResource => new AsyncResource("GreenPool")

/**
 * Where Node keeps the context in a resource, if it does: since version 24, unless told otherwise. Contexts are never
 * changed, only replaced, so two resources with the same one are as good as one.
 *
 * Looked for in a scope of its own: `run` leaves a context behind, in which everything else would be slower.
 */
const frame = make().runInAsyncScope(() =>
  new AsyncLocalStorage<true>().run(true, () => {
    const resource = make()
    return Object.getOwnPropertySymbols(resource).find(
      (name) => name.description === "context_frame" && Reflect.get(resource, name) !== undefined
    )
  })
)

let last: AsyncResource | undefined

/** The context of the caller: the same object for all who call in the same context, one after the other. */
export const captureSubmitter = (): AsyncResource => {
  const resource = make()
  if (frame !== undefined && last !== undefined && Reflect.get(last, frame) === Reflect.get(resource, frame))
    return last
  return (last = resource)
}
