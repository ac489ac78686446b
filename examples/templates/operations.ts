/**
 * What a template engine asks for while it renders. Known to both threads.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"

export class NoTemplate extends Schema.TaggedError<NoTemplate>()("NoTemplate", { name: Schema.String }) {}

export class Templates extends RpcGroup.make(
  Rpc.make("Fetch", { payload: { name: Schema.String }, success: Schema.String, error: NoTemplate })
) {}
