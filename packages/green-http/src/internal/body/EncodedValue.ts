/**
 * A value that is to be encoded by its Schema when it is sent. A class, so that a session tells it from any other value.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

export class EncodedValue {
  readonly encoded: Effect.Effect<unknown, SchemaIssue.Issue>

  constructor(schema: Schema.ConstraintEncoder<unknown>, value: unknown) {
    this.encoded = Effect.suspend(() => SchemaParser.encodeUnknownEffect(schema)(value))
  }
}
