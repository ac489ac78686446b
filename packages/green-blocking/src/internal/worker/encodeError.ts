/**
 * What an error whose class is a schema is encoded to, when a job throws it: lent to the runtime, which knows no Schema.
 */
import * as Schema from "effect/Schema"
import { sender } from "../codec.ts"
import type { Attributes } from "../wire.ts"

export const encodeError = (error: Error): Attributes | undefined => {
  const schema: unknown = error.constructor
  if (!isSchemaClass(schema)) return undefined
  const encoded = sender(schema)(error)
  return isAttributes(encoded) ? encoded : undefined
}

const isSchemaClass = (x: unknown): x is Schema.Top => Schema.isSchema(x)

const isAttributes = (x: unknown): x is Attributes => typeof x === "object" && x !== null
