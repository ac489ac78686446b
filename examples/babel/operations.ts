/**
 * What the plug-in asks for. Known to both threads.
 */
import * as Schema from "effect/Schema"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"

export class Untranslated extends Schema.TaggedError<Untranslated>()("Untranslated", {
  text: Schema.String,
  language: Schema.String
}) {
  override get message(): string {
    return `there is no ${this.language} for ${JSON.stringify(this.text)}`
  }
}

export class Translations extends RpcGroup.make(
  Rpc.make("Translate", {
    payload: { text: Schema.String, language: Schema.String },
    success: Schema.String,
    error: Untranslated
  })
) {}
