/** The operations that are performed. */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"

export class Operations extends RpcGroup.make(
  Rpc.make("Get", { payload: { key: Schema.String }, success: Schema.String }),
  Rpc.make("Bytes", { payload: Schema.Uint8Array, success: Schema.Uint8Array })
) {}
