/**
 * `wait` on the event loop: a promise is waited for by its `then`.
 */
import * as Layer from "effect/Layer"
import { promiseWait } from "../internal/promiseWait.ts"
import { Wait } from "../Wait.ts"

export const layer: Layer.Layer<Wait> = Layer.succeed(Wait, Wait.fromClause(promiseWait))
