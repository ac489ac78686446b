/**
 * What the application asks its host for. Known to both threads.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"

export class Host extends RpcGroup.make(
  /** Counts a visit, and says which one it is. */
  Rpc.make("Visit", { payload: { page: Schema.String }, success: Schema.Number }),
  /** Gives the next news, when there are some. */
  Rpc.make("News", { success: Schema.String })
) {}
