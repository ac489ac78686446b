/**
 * What queries ask for. Known to both threads.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"

export class NoRate extends Schema.TaggedError<NoRate>()("NoRate", { currency: Schema.String }) {}

export class Rates extends RpcGroup.make(
  /** What one unit of the currency is worth, in euro. */
  Rpc.make("Rate", { payload: { currency: Schema.String }, success: Schema.Number, error: NoRate })
) {}
