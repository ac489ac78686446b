/**
 * `FdIo` on the event loop: the system calls themselves, which never block.
 */
import * as Layer from "effect/Layer"
import { FdIo } from "../FdIo.ts"
import { systemFdIo } from "../internal/systemFdIo.ts"

export const layer: Layer.Layer<FdIo> = Layer.succeed(FdIo, systemFdIo)
